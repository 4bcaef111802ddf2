import type { StatusName } from '../interface-block/status.ts';

/**
 * Why a command brought no answer:
 * - `no-path`: none of the array's paths can be reached
 * - `not-a-command-device`: what answers there bears no valid label; nothing was written
 * - `wrong-array`: the label, or the array itself, names another serial; nothing was executed
 * - `refused`: the array answered with a status other than ok, in `status`
 * - `timeout`: the deadline passed and the command has certainly not taken effect
 * - `busy`: all slots stayed occupied until the deadline; nothing was written
 * - `outcome-unknown`: the command may have taken effect; ask with `requestId`
 * - `bad-answer`: the array's answer is not what this format allows
 * - `refused-for-safety`: the path is mounted, held by someone else, or not the device it should be
 */
export type CommandErrorKind =
  | 'no-path'
  | 'not-a-command-device'
  | 'wrong-array'
  | 'refused'
  | 'timeout'
  | 'busy'
  | 'outcome-unknown'
  | 'bad-answer'
  | 'refused-for-safety';

export interface CommandErrorDetails {
  readonly process?: string | undefined;
  readonly path?: string | undefined;
  readonly status?: StatusName | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** The message is one line, escaped where it repeats what an array said. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly kind: CommandErrorKind;
  /** Configuration name. */
  readonly array: string;
  /** Process name, where one was under way. */
  readonly process: string | undefined;
  readonly path: string | undefined;
  /** With `refused`, and with `outcome-unknown` where the array said `request-expired`. */
  readonly status: StatusName | undefined;
  /** 16 bytes as hex: asks for the outcome, or repeats the call without doing it twice. */
  readonly requestId: string | undefined;

  constructor(kind: CommandErrorKind, array: string, message: string, details: CommandErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.array = array;
    this.process = details.process;
    this.path = details.path;
    this.status = details.status;
    this.requestId = details.requestId;
  }
}
