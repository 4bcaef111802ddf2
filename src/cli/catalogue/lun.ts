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
    path: 'lun scan',
    summary: 'find LUNs: every target behind portals, every LUN of each, and the block devices of this machine',
    arguments: [
      {
        name: 'where',
        doc: 'host[:port], iscsi://host:port/iqn, or /dev for block devices; else /dev and the portals of the configuration',
        optional: true,
        variadic: true,
      },
    ],
    examples: ['cdctl lun scan', 'cdctl lun scan 192.0.2.10', 'cdctl lun scan /dev --json'],
    load: () => import('../commands/lun-scan.ts'),
    text: () => import('../render/lun-scan.ts'),
  },
  {
    path: 'lun show',
    summary: 'show what a LUN is: identity, pages, capacity, provisioning, access, reservations, command device or not',
    arguments: [lun],
    options: [
      { flags: '--all', doc: 'every field of every INQUIRY, VPD and mode page, and their bytes', kind: 'flag' },
    ],
    examples: [
      'cdctl lun show tokyo/data',
      'cdctl lun show /dev/sdb',
      'cdctl lun show iscsi://192.0.2.10/iqn.2026-11.io.example:t1/1 --all',
    ],
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
