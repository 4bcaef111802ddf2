import type { ArgumentDefinition, CommandDefinition } from '../definition.ts';

const lun: ArgumentDefinition = {
  name: 'lun',
  doc: 'ARRAY/NAME or ARRAY/NUMBER, /dev/..., or iscsi://host:port/iqn/lun',
};

export const LUN_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'lun list',
    summary: 'list the LUNs of an array, with what each is for',
    arguments: [
      { name: 'where', doc: 'array, or iscsi://host:port/iqn; else all arrays of the configuration', optional: true },
    ],
    load: () => import('../commands/lun-list.ts'),
    text: () => import('../render/lun-list.ts'),
  },
  {
    path: 'lun show',
    summary: 'show identity and capacity of a LUN, and whether it is a command device',
    arguments: [lun],
    load: () => import('../commands/lun-show.ts'),
    text: () => import('../render/lun-show.ts'),
  },
  {
    path: 'lun read',
    summary: 'read blocks of a LUN',
    arguments: [lun],
    options: [
      { flags: '--lba <block>', doc: 'first block', kind: 'integer', initial: 0 },
      { flags: '--count <blocks>', doc: 'how many blocks (else 1; with --output all to the end)', kind: 'integer' },
      { flags: '--output <file>', doc: 'write the bytes into a file; - for standard output', kind: 'text' },
    ],
    examples: ['cdctl lun read tokyo/data --lba 0', 'cdctl lun read tokyo/data --output data.img'],
    load: () => import('../commands/lun-read.ts'),
    text: () => import('../render/lun-read.ts'),
  },
  {
    path: 'lun write',
    summary: 'write a file to a LUN; never to a command device',
    changes: true,
    destructive: true,
    arguments: [lun],
    options: [
      {
        flags: '--input <file>',
        doc: 'what to write, in whole blocks; - for standard input',
        kind: 'text',
        required: true,
      },
      { flags: '--lba <block>', doc: 'first block', kind: 'integer', initial: 0 },
      { flags: '--pad', doc: 'fill the last block with zeros', kind: 'flag' },
    ],
    examples: ['cdctl lun write tokyo/data --input data.img --confirm tokyo/data'],
    load: () => import('../commands/lun-write.ts'),
    text: () => import('../render/lun-write.ts'),
  },
];
