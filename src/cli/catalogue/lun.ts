import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from '../definition.ts';

const lun: ArgumentDefinition = {
  name: 'lun',
  doc: 'ARRAY/NAME or ARRAY/NUMBER, /dev/..., or iscsi://host:port/iqn/lun',
};

const deadline: OptionDefinition = {
  flags: '--deadline <duration>',
  doc: 'end soundly after this long in all (--timeout is for each single command)',
  kind: 'duration',
};

const reservationKey: OptionDefinition = {
  flags: '--reservation-key <key>',
  doc: 'come as the host that registered this key (see lun reserve register)',
  kind: 'text',
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
    summary:
      'find LUNs: every target behind portals, every LUN of each, and the block devices of this machine; --timeout is for each place',
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
    graceful: true,
    arguments: [lun],
    options: [
      { flags: '--lba <block>', doc: 'first block', kind: 'integer', initial: 0 },
      { flags: '--count <blocks>', doc: 'how many blocks (else 1; with --output all to the end)', kind: 'integer' },
      { flags: '--output <file>', doc: 'write the bytes into a file; - for standard output', kind: 'text' },
      reservationKey,
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
    graceful: true,
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
      reservationKey,
    ],
    examples: ['cdctl lun write tokyo/data --input data.img --confirm tokyo/data'],
    load: () => import('../commands/lun-write.ts'),
    text: () => import('../render/lun-write.ts'),
  },
  {
    path: 'lun copy',
    summary: 'copy a LUN onto a LUN or into a file, or a file onto a LUN; what was cut short never looks whole',
    changes: true,
    destructive: true,
    graceful: true,
    arguments: [
      { name: 'from', doc: 'a LUN (as in lun show) or a file: image, ./image, /path/image, file:PATH' },
      { name: 'to', doc: 'the same; never a command device' },
    ],
    options: [
      {
        flags: '--resume',
        doc: 'compare what is there and write only what differs; believe nothing else',
        kind: 'flag',
      },
      { flags: '--verify', doc: 'read the destination again at the end', kind: 'flag' },
      { flags: '--from-offset <size>', doc: 'where to begin in the source (4096, 64MiB)', kind: 'size' },
      { flags: '--to-offset <size>', doc: 'where to begin on the destination LUN', kind: 'size' },
      { flags: '--length <size>', doc: 'how much (else all of the source)', kind: 'size' },
      { flags: '--pad', doc: 'fill the last block of a file with zeros', kind: 'flag' },
      deadline,
      { flags: '--onto-auxiliary', doc: 'even onto the auxiliary volume of a pair', kind: 'flag' },
      { flags: '--same-name', doc: 'even where both LUNs bear one world wide name', kind: 'flag' },
      reservationKey,
    ],
    examples: [
      'cdctl lun copy tokyo/data iscsi://192.0.2.10/iqn.2026-11.io.example:t1/1 --verify',
      'cdctl lun copy /dev/sdb data.img',
      'cdctl lun copy data.img tokyo/data --resume',
    ],
    load: () => import('../commands/lun-copy.ts'),
    text: () => import('../render/lun-copy.ts'),
  },
  {
    path: 'lun compare',
    summary: 'compare two LUNs, or a LUN and a file; exits 1 where they differ',
    graceful: true,
    arguments: [
      { name: 'left', doc: 'a LUN (as in lun show) or a file: image, ./image, /path/image, file:PATH' },
      { name: 'right', doc: 'the same' },
    ],
    options: [
      { flags: '--left-offset <size>', doc: 'where to begin on the left (4096, 64MiB)', kind: 'size' },
      { flags: '--right-offset <size>', doc: 'where to begin on the right', kind: 'size' },
      { flags: '--length <size>', doc: 'how much (else all; different lengths then are a difference)', kind: 'size' },
      { flags: '--first', doc: 'stop at the first difference', kind: 'flag' },
      deadline,
      reservationKey,
    ],
    examples: ['cdctl lun compare tokyo/data osaka/data', 'cdctl lun compare /dev/sdb data.img --first'],
    load: () => import('../commands/lun-compare.ts'),
    text: () => import('../render/lun-compare.ts'),
  },
];
