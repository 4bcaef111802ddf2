import type { CommandDefinition } from '../definition.ts';

export const REPLICATION_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'replicate',
    summary: 'run the cycle of Fig. 16: once, until the journal is empty, or until SIGTERM',
    changes: true,
    streams: true,
    arguments: [{ name: 'group', doc: 'groups of the configuration', variadic: true }],
    options: [
      { flags: '--once', doc: 'one cycle', kind: 'flag', conflicts: ['interval', 'untilEmpty'] },
      {
        flags: '--interval <duration>',
        doc: 'pause between cycles (else 5s)',
        kind: 'duration',
        conflicts: ['untilEmpty'],
      },
      { flags: '--until-empty', doc: 'cycles until everything is restored and all pairs follow', kind: 'flag' },
    ],
    examples: ['cdctl replicate oradb --until-empty', 'cdctl replicate oradb --interval 5s --json'],
    load: () => import('../commands/replicate.ts'),
    text: () => import('../render/replicate.ts'),
  },
  {
    path: 'swap',
    summary: 'turn the direction of a group without loss (Fig. 17 to 21)',
    changes: true,
    graceful: true,
    arguments: [{ name: 'group', doc: 'group of the configuration' }],
    options: [
      { flags: '--to <array>', doc: 'array that is to be primary', kind: 'text' },
      {
        flags: '--fence <duration>',
        doc: 'hold host writes back for at most so long to drain under load; 0: never',
        kind: 'duration',
      },
    ],
    examples: ['cdctl swap oradb --to osaka'],
    load: () => import('../commands/swap.ts'),
    text: () => import('../render/swap.ts'),
  },
  {
    path: 'takeover',
    summary: 'make the auxiliary side primary when the primary site is lost',
    changes: true,
    destructive: true,
    graceful: true,
    arguments: [{ name: 'group', doc: 'group of the configuration' }],
    options: [
      { flags: '--at <array>', doc: 'array that is to be primary', kind: 'text', required: true },
      {
        flags: '--accept-inconsistent',
        doc: 'also where a copy had not ended: the volumes may be unusable',
        kind: 'flag',
      },
      {
        flags: '--give-up-damaged',
        doc: 'also where the journal there is damaged: its writes from there on are given up',
        kind: 'flag',
      },
      { flags: '--peer-is-lost', doc: 'also where the peer array still answers', kind: 'flag' },
    ],
    examples: ['cdctl takeover oradb --at osaka --dry-run', 'cdctl takeover oradb --at osaka --confirm oradb'],
    load: () => import('../commands/takeover.ts'),
    text: () => import('../render/takeover.ts'),
  },
];
