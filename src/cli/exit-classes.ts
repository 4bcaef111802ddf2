import type { CommandErrorKind } from '../host/command-error.ts';
import type { StatusName } from '../interface-block/status.ts';
import type { LunErrorKind } from '../lun/lun.ts';
import type { RefusalKind } from '../replication/refusal.ts';

export interface ExitClass {
  readonly code: number;
  /** What happened, in the words that `--help` and `exit-codes` print. */
  readonly meaning: string;
  /** What a script may do about it. */
  readonly advice: string;
  /** Running the same command again can succeed without anybody changing anything. */
  readonly retryable: boolean;
}

/** The one table of exit codes: the same class means the same thing in every command. */
export const EXIT_CLASSES = {
  done: { code: 0, meaning: 'done, or it was already so', advice: 'go on', retryable: false },
  'does-not-hold': {
    code: 1,
    meaning: 'the state asked about does not hold',
    advice: 'look at the state that was printed',
    retryable: true,
  },
  usage: { code: 2, meaning: 'wrong usage', advice: 'correct the command line', retryable: false },
  configuration: { code: 3, meaning: 'wrong configuration', advice: 'correct the file', retryable: false },
  'no-path': {
    code: 4,
    meaning: 'no path to the command device or LUN',
    advice: 'check the array, the network and the path',
    retryable: true,
  },
  refused: { code: 5, meaning: 'the array refused', advice: 'read its reason', retryable: false },
  timeout: { code: 6, meaning: 'no result within the time allowed', advice: 'run it again', retryable: true },
  busy: { code: 7, meaning: 'busy, or locked by another process', advice: 'run it again later', retryable: true },
  unsafe: {
    code: 8,
    meaning: 'refused for safety',
    advice: 'a person has to decide; nothing was changed',
    retryable: false,
  },
  partial: {
    code: 9,
    meaning: 'partial: some of several were done',
    advice: 'see each result, then run it again',
    retryable: true,
  },
  'outcome-unknown': {
    code: 10,
    meaning: 'the outcome is unknown',
    advice: 'run it again: what was done is not done twice',
    retryable: true,
  },
  damaged: {
    code: 11,
    meaning: 'stored data is damaged',
    advice: 'see each finding before you serve it',
    retryable: false,
  },
  bug: { code: 70, meaning: 'a mistake inside cdctl', advice: 'report it with --verbose', retryable: false },
} as const satisfies Record<string, ExitClass>;

export type ExitClassName = keyof typeof EXIT_CLASSES;

export const STATUS_CLASS: Readonly<Record<StatusName, ExitClassName>> = {
  ok: 'done',
  'bad-block': 'refused',
  'wrong-array': 'unsafe',
  'unknown-process': 'refused',
  'bad-parameter': 'refused',
  'not-found': 'refused',
  'in-use': 'refused',
  'wrong-state': 'refused',
  'size-mismatch': 'refused',
  'split-brain': 'unsafe',
  unsafe: 'unsafe',
  'peer-unreachable': 'refused',
  'request-expired': 'outcome-unknown',
  'request-reused': 'refused',
  'moved-on': 'refused',
  'storage-error': 'refused',
  'limit-reached': 'refused',
  busy: 'busy',
  internal: 'refused',
  'permission-denied': 'refused',
  'not-authenticated': 'refused',
  'stale-signature': 'refused',
};

export const COMMAND_ERROR_CLASS: Readonly<Record<CommandErrorKind, ExitClassName>> = {
  'no-path': 'no-path',
  'not-a-command-device': 'unsafe',
  'wrong-array': 'unsafe',
  refused: 'refused',
  timeout: 'timeout',
  busy: 'busy',
  'outcome-unknown': 'outcome-unknown',
  'bad-answer': 'refused',
  'refused-for-safety': 'unsafe',
};

export const LUN_ERROR_CLASS: Readonly<Record<LunErrorKind, ExitClassName>> = {
  'no-path': 'no-path',
  'no-such-lun': 'no-path',
  'refused-for-safety': 'unsafe',
  'reservation-conflict': 'busy',
  busy: 'busy',
  'task-set-full': 'busy',
  'unit-attention': 'busy',
  'not-ready': 'busy',
  'no-medium': 'refused',
  'write-protected': 'refused',
  'check-condition': 'refused',
  'io-error': 'refused',
  timeout: 'timeout',
  'bad-argument': 'usage',
};

export const REFUSAL_CLASS: Readonly<Record<RefusalKind, ExitClassName>> = {
  'bad-request': 'usage',
  'state-does-not-hold': 'does-not-hold',
  'refused-for-safety': 'unsafe',
  'would-be-refused': 'refused',
  'array-unreachable': 'no-path',
  timeout: 'timeout',
  cancelled: 'partial',
};

/** The class of several results together: the same for all, or partial. */
export function classOfSeveral(classes: readonly ExitClassName[]): ExitClassName {
  const [first = 'done'] = classes;
  return classes.every((name) => name === first) ? first : 'partial';
}

/** The table as text: `--help` ends with it, `exit-codes` prints it. */
export function exitClassLines(): string[] {
  return Object.values(EXIT_CLASSES).map(({ code, meaning }) => `  ${String(code).padStart(2)}  ${meaning}`);
}
