import { CommandError } from '../host/command-error.ts';
import { LunError, withoutPath, type LunErrorKind } from '../lun/lun.ts';
import { ReplicationRefusal } from '../replication/refusal.ts';
import { CliError } from './cli-error.ts';
import { TransferError } from './transfer/transfer-error.ts';
import { formatBytes } from './values.ts';
import {
  COMMAND_ERROR_CLASS,
  EXIT_CLASSES,
  LUN_ERROR_CLASS,
  REFUSAL_CLASS,
  STATUS_CLASS,
  type ExitClassName,
} from './exit-classes.ts';

/** A failure as people read it and as `--json` shows it. */
export interface Failure {
  readonly class: ExitClassName;
  readonly exit: number;
  readonly retryable: boolean;
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly next: string;
  /** Evidence: array, path, process, status, request id, sense. */
  readonly [evidence: string]: unknown;
}

interface Parts {
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly next?: string;
  readonly evidence?: Readonly<Record<string, unknown>>;
}

function failure(name: ExitClassName, parts: Parts): Failure {
  const { code, advice, retryable } = EXIT_CLASSES[name];
  const { what, where, why, next = advice, evidence = {} } = parts;
  return { ...evidence, class: name, exit: code, retryable, what, where, why, next };
}

/** Puts any error that ends a command into its class. What nobody foresaw is a bug. */
export function failureOf(error: unknown, command: string): Failure {
  if (error instanceof TransferError) return transferFailure(error, command);
  if (error instanceof CliError) return cliFailure(error, command);
  if (error instanceof CommandError) return commandFailure(error);
  if (error instanceof LunError) return lunFailure(error);
  if (error instanceof ReplicationRefusal) return refusalFailure(error, command);
  return isSystemError(error) ? systemFailure(error, command) : bug(error, command);
}

/** What the operating system refuses (a full disk, a read-only one, no right to it, too many open files) is no mistake of this program. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'make room, then run it again',
  EDQUOT: 'make room, then run it again',
  EROFS: 'use a place that can be written to',
  EACCES: 'see who may read and write it',
  EPERM: 'see who may read and write it',
  EEXIST: 'name a path where nothing else is',
  EISDIR: 'name a file: there is a directory',
  ENOTDIR: 'correct the path: what it goes through is no directory',
  ELOOP: 'correct the path: its links lead in a circle',
  ENAMETOOLONG: 'give a shorter path',
  EMFILE: 'allow more open files (ulimit -n), then run it again',
  ENFILE: 'allow more open files, then run it again',
  EIO: 'see the log of the kernel (dmesg) for the cause, then run it again',
};

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && code !== undefined && code in SYSTEM_ADVICE;
}

function systemFailure(error: NodeJS.ErrnoException & { readonly code: string }, command: string): Failure {
  const { code, path, message } = error;
  return failure('refused', {
    what: `the operating system refused: ${code}`,
    where: path ?? `cdctl ${command}`.trimEnd(),
    why: message,
    ...(SYSTEM_ADVICE[code] !== undefined && { next: SYSTEM_ADVICE[code] }),
  });
}

/** What ended it, in its own class, and how far it had come. */
function transferFailure(error: TransferError, command: string): Failure {
  const { cause, verb, doneBytes, totalBytes, marked } = error;
  const ending =
    marked && cause instanceof LunError ? lunFailure(cause, LUN_ERROR_CLASS[cause.kind]) : failureOf(cause, command);
  const progress = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} had been ${verb}`;
  const next = marked && ending.retryable ? `${ending.next}; --resume writes only what is missing` : ending.next;
  return { ...ending, why: `${ending.why}; ${progress}`, next, doneBytes, totalBytes };
}

function cliFailure(error: CliError, command: string): Failure {
  const { what, where = `cdctl ${command}`.trimEnd(), why, next } = error.text;
  return failure(error.exit, { what, where, why, next, evidence: error.evidence });
}

const STATUS_ADVICE: Readonly<Partial<Record<string, string>>> = {
  'split-brain':
    'compare both sides, then resync from the one to keep: cdctl pair resync GROUP --from ARRAY --discard OTHER --confirm GROUP',
  'not-found': 'list what exists: cdctl pair show, cdctl lun list ARRAY',
  'in-use': 'see what uses it: cdctl pair show, cdctl lun list ARRAY',
  'wrong-state': 'see the state and what it allows: cdctl pair show',
  'peer-unreachable': 'bring the other array or its link up, then run it again',
  'moved-on': 'the state moved meanwhile: look at it (cdctl pair show), then run it again',
  unsafe: 'look at both journals first: cdctl journal show',
  'wrong-array': 'correct the serial or the path in the configuration',
  'not-authenticated':
    'sign with a key that the array knows (key under the array in the configuration); where the array is: cdctl array access show DIRECTORY',
  'permission-denied': 'see what was granted, where the array is: cdctl array access show DIRECTORY',
};

function commandFailure(error: CommandError): Failure {
  const name = error.status === undefined ? COMMAND_ERROR_CLASS[error.kind] : STATUS_CLASS[error.status];
  const subject = error.process === undefined ? '' : ` ${error.process}`;
  const next = error.status === undefined ? undefined : STATUS_ADVICE[error.status];
  return failure(name === 'done' ? 'refused' : name, {
    what: `array ${error.array}${subject}: ${error.status ?? error.kind}`,
    where: error.path ?? `array ${error.array}`,
    why: error.message,
    ...(next === undefined ? {} : { next }),
    evidence: defined({
      kind: error.kind,
      array: error.array,
      process: error.process,
      path: error.path,
      status: error.status,
      requestId: error.requestId,
    }),
  });
}

const LUN_ADVICE: Readonly<Partial<Record<LunErrorKind, string>>> = {
  'write-protected':
    'see what it is: the auxiliary volume of a pair (cdctl pair show names the primary), or a unit that is read-only itself (cdctl lun show LUN)',
  'no-such-lun': 'see the LUNs that there are: cdctl lun list ARRAY, or of any target: cdctl lun scan HOST',
  'reservation-conflict':
    'see who holds it: cdctl lun reserve status LUN; come as a registered host with --reservation-key KEY',
  'not-ready': 'see whether it is being copied (cdctl pair show) or its array is away (cdctl lab status)',
  'no-medium': 'load a medium, or correct the path',
  'unit-attention': 'something about the unit has changed since: look at it with cdctl lun show, then run it again',
  'refused-for-safety': 'unmount it, or end what holds it, or correct the path',
  'io-error': 'see the log of the kernel (dmesg) or of the array for the cause, then run it again',
  'bad-argument': 'see the form of paths: cdctl lun show --help',
};

const ABOUT_ADVICE: Readonly<Record<NonNullable<LunError['about']>, string>> = {
  secret: 'name a file with it under chap in the configuration, or set CDCTL_CHAP_SECRET',
  'device-type': 'see which LUNs are disks: cdctl lun scan HOST',
  'other-unit': 'find out what the target has there now; it was left alone',
  'needs-scsi': 'name it as iscsi://host:port/iqn/lun, or ask the kernel: sg_persist',
};

/** SPACE ALLOCATION FAILED WRITE PROTECT: until there is room the same comes again. */
function isFull({ sense }: LunError): boolean {
  return sense?.key === 0x7 && sense.asc === 0x27 && sense.ascq === 0x07;
}

function adviceOf(error: LunError): string | undefined {
  const { about, kind } = error;
  if (isFull(error)) return 'make room where the array keeps its data, then run it again';
  return about === undefined ? LUN_ADVICE[kind] : ABOUT_ADVICE[about];
}

/** Found out on this side: no LUN said anything. */
const UNANSWERED: readonly LunErrorKind[] = ['no-path', 'timeout', 'refused-for-safety', 'bad-argument'];

function classOfLunError({ outcome, kind }: LunError): ExitClassName {
  return outcome === 'unknown' && kind !== 'timeout' ? 'outcome-unknown' : LUN_ERROR_CLASS[kind];
}

function lunFailure(error: LunError, name = classOfLunError(error)): Failure {
  const next = adviceOf(error);
  const unanswered = UNANSWERED.includes(error.kind) && error.about !== 'device-type';
  return failure(name, {
    what: `${unanswered ? 'the LUN is not reached' : 'the LUN answered'}: ${error.kind}`,
    where: error.path,
    why: withoutPath(error),
    ...(next !== undefined && { next }),
    evidence: defined({ kind: error.kind, path: error.path, outcome: error.outcome, sense: error.sense }),
  });
}

function refusalFailure(error: ReplicationRefusal, command: string): Failure {
  return failure(REFUSAL_CLASS[error.kind], {
    what: error.what,
    where: `cdctl ${command}`,
    why: error.why,
    next: error.next,
    evidence: defined({ kind: error.kind, evidence: error.evidence }),
  });
}

function bug(error: unknown, command: string): Failure {
  const cause = error instanceof Error ? error : new Error(String(error));
  return failure('bug', {
    what: `unexpected: ${cause.name}`,
    where: `cdctl ${command}`.trimEnd(),
    why: cause.message,
    evidence: cause.stack === undefined ? {} : { stack: cause.stack },
  });
}

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
