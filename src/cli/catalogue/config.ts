import type { CommandDefinition } from '../definition.ts';

export const CONFIG_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'config check',
    summary: 'read the configuration file and say what is wrong with it',
    load: () => import('../commands/config-check.ts'),
    text: () => import('../render/config-check.ts'),
  },
  {
    path: 'config show',
    summary: 'print what the configuration file means',
    load: () => import('../commands/config-show.ts'),
    text: () => import('../render/config-show.ts'),
  },
  {
    path: 'exit-codes',
    summary: 'print the exit codes, the same for every command',
    load: () => import('../commands/exit-codes.ts'),
    text: () => import('../render/exit-codes.ts'),
  },
];
