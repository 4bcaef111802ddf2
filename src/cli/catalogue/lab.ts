import type { CommandDefinition, OptionDefinition } from '../definition.ts';

const directory: OptionDefinition = {
  flags: '--directory <dir>',
  doc: 'where the lab lives (else CDCTL_LAB, or one place for each user)',
  kind: 'text',
};

export const LAB_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'lab up',
    summary: 'bring two arrays up, tokyo and osaka, with a configuration file for each site',
    changes: true,
    options: [
      directory,
      { flags: '--volume-size <size>', doc: 'size of each volume', kind: 'size', initial: 64 * 2 ** 20 },
      { flags: '--journal-size <size>', doc: 'size of each journal volume', kind: 'size', initial: 64 * 2 ** 20 },
      {
        flags: '--block-size <bytes>',
        doc: 'bytes in a block of a volume or command device',
        kind: 'text',
        choices: ['512', '4096'],
        initial: '512',
      },
    ],
    examples: ['cdctl lab up', 'cdctl lab up --directory ./lab --volume-size 1GiB'],
    load: () => import('../commands/lab-up.ts'),
    text: () => import('../render/lab.ts'),
  },
  {
    path: 'lab status',
    summary: 'show which arrays of the lab run, and where',
    options: [directory],
    load: () => import('../commands/lab-status.ts'),
    text: () => import('../render/lab.ts'),
  },
  {
    path: 'lab down',
    summary: 'stop the arrays, and remove the lab, but not a directory that was named',
    changes: true,
    options: [directory, { flags: '--keep', doc: 'keep the files', kind: 'flag' }],
    load: () => import('../commands/lab-down.ts'),
    text: () => import('../render/lab-down.ts'),
  },
  {
    path: 'lab fault',
    summary: 'kill, start, pause or resume an array of the lab, or cut its link to the other one',
    changes: true,
    arguments: [
      {
        name: 'fault',
        doc: 'what to do to it',
        choices: ['kill', 'start', 'pause', 'resume', 'link-down', 'link-up'],
      },
      { name: 'array', doc: 'name of the array' },
    ],
    options: [directory],
    examples: ['cdctl lab fault kill tokyo', 'cdctl lab fault link-down osaka'],
    load: () => import('../commands/lab-fault.ts'),
    text: () => import('../render/lab-fault.ts'),
  },
  {
    path: 'lab demo',
    summary: 'show it all on this machine: replicate, lose a host, swap, prove that nothing is lost, and go back',
    streams: true,
    timeoutMs: 60_000,
    options: [
      {
        flags: '--file <path>',
        doc: 'file to load (else the beginning of a large one of this installation)',
        kind: 'text',
      },
      { flags: '--keep', doc: 'leave the lab running and say what to try next', kind: 'flag' },
    ],
    examples: ['cdctl lab demo', 'cdctl lab demo --file disk.img --keep'],
    load: () => import('../commands/lab-demo.ts'),
    text: () => import('../render/lab-demo.ts'),
  },
  {
    path: 'lab demo-host',
    summary: 'an application on a host of the demonstration, which starts it',
    hidden: true,
    streams: true,
    arguments: [{ name: 'plan', doc: 'file that says what to write where' }],
    load: () => import('../commands/lab-demo-host.ts'),
    text: () => import('../render/lab-demo-host.ts'),
  },
];
