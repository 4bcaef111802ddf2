import type { CommandDefinition, OptionDefinition } from '../definition.ts';

const group = [{ name: 'group', doc: 'group of the configuration' }] as const;
const to: OptionDefinition = {
  flags: '--to <sequence>',
  doc: 'last record; else as far as a cycle would go',
  kind: 'integer',
};
const text: CommandDefinition['text'] = () => import('../render/group-change.ts');

export const JOURNAL_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'journal show',
    summary: 'draw the journals of a group with their pointers (Fig. 15)',
    arguments: group,
    load: () => import('../commands/journal-show.ts'),
    text: () => import('../render/journal-show.ts'),
  },
  {
    path: 'journal acquire',
    summary: 'order the auxiliary array to acquire journal (Fig. 13, S1604)',
    changes: true,
    arguments: group,
    options: [to],
    load: () => import('../commands/journal-acquire.ts'),
    text,
  },
  {
    path: 'journal restore',
    summary: 'order the auxiliary array to restore what it has acquired (Fig. 14, S1609)',
    changes: true,
    arguments: group,
    options: [to],
    load: () => import('../commands/journal-restore.ts'),
    text,
  },
  {
    path: 'journal purge',
    summary: 'free what the auxiliary array holds durably from the primary journal (Fig. 15, S1610)',
    changes: true,
    arguments: group,
    options: [to],
    load: () => import('../commands/journal-purge.ts'),
    text,
  },
];
