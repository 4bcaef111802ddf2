import type { CommandDefinition, OptionDefinition } from '../definition.ts';

const set: OptionDefinition = {
  flags: '--set <field=value>',
  doc: 'a field of the input parameter (repeatable)',
  kind: 'texts',
};
const row: OptionDefinition = {
  flags: '--row <field=value,...>',
  doc: 'a row of the input parameter (repeatable)',
  kind: 'texts',
};

export const BLOCK_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'block encode',
    summary: 'make the 4096 bytes of a command (Fig. 6)',
    arguments: [{ name: 'process', doc: 'process name or number: journal.show, 0x20' }],
    options: [
      set,
      row,
      { flags: '--serial <serial>', doc: 'serial of the array that shall execute it', kind: 'text', required: true },
      { flags: '--request-id <hex>', doc: '16 bytes as hex; else random', kind: 'text' },
      { flags: '--admission <number>', doc: 'commandNumber of the label', kind: 'integer', initial: 0 },
      { flags: '--page <number>', doc: 'page of the edited data to ask for', kind: 'integer', initial: 0 },
      { flags: '--output <file>', doc: 'write the bytes into a file; - for standard output', kind: 'text' },
    ],
    examples: ['cdctl block encode journal.show --serial TK000001 --set group=oradb --output request.bin'],
    load: () => import('../commands/block-encode.ts'),
    text: () => import('../render/block.ts'),
  },
  {
    path: 'block decode',
    summary: 'say what every byte of a label, request or slot means',
    arguments: [{ name: 'file', doc: 'file of 512, 4096 or 16384 bytes; - for standard input' }],
    load: () => import('../commands/block-decode.ts'),
    text: () => import('../render/block.ts'),
  },
  {
    path: 'block send',
    summary: 'send one command to an array and show its answer',
    changes: true,
    destructive: true,
    arguments: [
      { name: 'array', doc: 'array of the configuration' },
      { name: 'process', doc: 'process name or number; left out with --file', optional: true },
    ],
    options: [
      set,
      row,
      {
        flags: '--file <file>',
        doc: 'send the 4096 bytes of a file as they are, once',
        kind: 'text',
        conflicts: ['set', 'row', 'requestId'],
      },
      { flags: '--request-id <hex>', doc: '16 bytes as hex: the same id takes effect once', kind: 'text' },
    ],
    examples: ['cdctl block send tokyo array.show', 'cdctl block send osaka journal.show --set group=oradb'],
    load: () => import('../commands/block-send.ts'),
    text: () => import('../render/block-send.ts'),
  },
];
