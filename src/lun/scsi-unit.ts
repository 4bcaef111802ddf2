import { delay, type Clock } from '../base/clock.ts';
import type { CommandAnswer } from '../iscsi/initiator.ts';
import { SessionFailure } from './iscsi-connection.ts';
import type { IscsiSession, SessionAnswer } from './iscsi-session.ts';
import { LunError, type SenseFacts } from './lun.ts';
import { judgeScsiOutcome, type ScsiJudgement } from './scsi-outcome.ts';

export interface UnitCommand {
  /** For messages: "WRITE of 8 blocks at block 0". */
  readonly what: string;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  readonly dataIn?: Uint8Array;
  readonly deadlineMs: number;
  /** Doing it twice does no harm. */
  readonly repeatable: boolean;
  /** Only over this connection, and not after a unit attention. */
  readonly onlyConnection?: number;
}

/** One logical unit: sends a command until it is executed, refused, or out of time. Rejections are `LunError`. */
export interface ScsiUnit {
  execute(command: UnitCommand): Promise<CommandAnswer>;
}

/** A unit that has an attention for every command is broken; ten may come together after a reset. */
const MAX_UNIT_ATTENTIONS = 10;
const MAX_REPEATS = 3;
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 1000;

export function createScsiUnit(parts: {
  path: string;
  lunField: Uint8Array;
  session: IscsiSession;
  clock: Clock;
}): ScsiUnit {
  const { path, lunField, session, clock } = parts;

  async function once(command: UnitCommand): Promise<SessionAnswer> {
    try {
      return await session.execute({ ...command, lun: lunField });
    } catch (error) {
      throw transportError(path, command, error);
    }
  }

  return {
    async execute(command) {
      const patience = createPatience(clock, command);
      let doubtful = false;
      for (;;) {
        const answer = await once(command).catch((error: unknown) => {
          throw doubtful ? withDoubt(command, error) : error;
        });
        const judgement = judgeScsiOutcome(answer.status, answer.sense);
        if (!judgement) return answer;
        doubtful ||= answer.sentBefore || judgement.outcome === 'unknown';
        if (await patience.wantsAgain(judgement)) continue;
        const error = scsiError(path, command, judgement);
        throw doubtful ? withDoubt(command, error) : error;
      }
    },
  };
}

/** A write that was tried before may have been executed then, whatever became of the last try. */
export function withDoubt({ what, dataOut }: Pick<UnitCommand, 'what' | 'dataOut'>, error: unknown): unknown {
  if (!dataOut || !(error instanceof LunError) || error.outcome === 'unknown') return error;
  return new LunError(error.kind, error.path, `${error.message} (an earlier try of ${what} may have been done)`, {
    outcome: 'unknown',
    cause: error,
    ...(error.sense && { sense: error.sense }),
    ...(error.about && { about: error.about }),
  });
}

/** How often and how long one command is tried. */
function createPatience(
  clock: Clock,
  command: UnitCommand,
): { wantsAgain(judgement: ScsiJudgement): Promise<boolean> } {
  let attentions = 0;
  let repeats = 0;
  let pauseMs = FIRST_PAUSE_MS;
  return {
    async wantsAgain({ again }) {
      switch (again) {
        case 'at-once':
          attentions += 1;
          return command.onlyConnection === undefined && attentions <= MAX_UNIT_ATTENTIONS;
        case 'if-repeatable':
          repeats += 1;
          return command.repeatable && repeats <= MAX_REPEATS;
        case 'after-pause': {
          if (clock.monotonicMs() + pauseMs >= command.deadlineMs) return false;
          await delay(clock, pauseMs);
          pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
          return true;
        }
        default:
          return false;
      }
    },
  };
}

function scsiError(path: string, command: UnitCommand, judgement: ScsiJudgement): LunError {
  const message = `${path}: ${command.what}: ${judgement.words}`;
  const outcome = command.dataOut ? judgement.outcome : 'not-done';
  return new LunError(judgement.kind, path, message, {
    outcome,
    ...(judgement.sense && { sense: facts(judgement.sense) }),
  });
}

function facts({ key, asc, ascq }: SenseFacts): SenseFacts {
  return { key, asc, ascq };
}

function transportError(path: string, command: UnitCommand, error: unknown): Error {
  if (!(error instanceof SessionFailure)) return error instanceof Error ? error : new Error(String(error));
  if (error.withoutSession) return new LunError(error.kind, path, `${path}: ${error.message}`, { cause: error });
  const outcome = command.dataOut && error.sent ? 'unknown' : 'not-done';
  const doubt = outcome === 'unknown' ? '; whether it was done is unknown' : '';
  return new LunError(error.kind, path, `${path}: ${command.what}: ${error.message}${doubt}`, {
    outcome,
    cause: error,
  });
}
