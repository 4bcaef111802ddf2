import type { Clock } from '../base/clock.ts';
import type { CommandAnswer } from '../iscsi/initiator.ts';
import type { Residual } from '../iscsi/target-pdus.ts';
import { encodeLunField } from '../scsi/lun-field.ts';
import { SessionFailure } from './iscsi-connection.ts';
import type { IscsiSession } from './iscsi-session.ts';
import { LunError, type PassedAnswer, type PassedRequest, type PassThrough } from './lun.ts';

export interface PassThroughParts {
  readonly path: string;
  readonly lun: number;
  readonly session: IscsiSession;
  readonly clock: Clock;
  /** The one connection over which commands go (`IscsiSession.connectionNumber`). */
  readonly connection: number;
}

const RESET_TIMEOUT_MS = 10_000;
const FUNCTION_COMPLETE = 0;

/** Commands of someone else, each sent once over one connection and its answer given back as it came. */
export function createPassThrough(parts: PassThroughParts): PassThrough {
  const { path, session, clock, connection } = parts;
  const lunField = encodeLunField(parts.lun);
  return {
    async execute(request) {
      const dataIn = new Uint8Array(request.dataInLength);
      try {
        const answer = await session.execute({
          lun: lunField,
          cdb: request.cdb,
          deadlineMs: clock.monotonicMs() + request.timeoutMs,
          repeatable: false,
          onlyConnection: connection,
          ...(request.dataOut && { dataOut: request.dataOut }),
          ...(request.dataInLength > 0 && { dataIn }),
          ...(request.onceAborted && { onceAborted: request.onceAborted }),
        });
        return passedAnswer(answer, dataIn);
      } catch (error) {
        throw unanswered(path, request, error);
      }
    },
    async resetUnit({ timeoutMs = RESET_TIMEOUT_MS } = {}) {
      const what = 'LOGICAL UNIT RESET';
      let response: number;
      try {
        response = await session.resetUnit(lunField, clock.monotonicMs() + timeoutMs, connection);
      } catch (error) {
        throw unanswered(path, { what }, error);
      }
      if (response === FUNCTION_COMPLETE) return;
      throw new LunError('io-error', path, `${path}: ${what}: the target did not do it (response ${response})`);
    },
  };
}

function passedAnswer({ status, sense, receivedLength, residual }: CommandAnswer, room: Uint8Array): PassedAnswer {
  return { status, sense, dataIn: room.subarray(0, receivedLength), residual: signed(residual) };
}

function signed({ kind, count }: Residual): number {
  if (kind === 'none') return 0;
  return kind === 'overflow' ? count : -count;
}

function unanswered(path: string, { what }: Pick<PassedRequest, 'what'>, error: unknown): Error {
  if (!(error instanceof SessionFailure)) return error instanceof Error ? error : new Error(String(error));
  const outcome = error.sent ? 'unknown' : 'not-done';
  const doubt = error.sent ? '; whether it was done is unknown' : '';
  return new LunError(error.kind, path, `${path}: ${what}: ${error.message}${doubt}`, { outcome, cause: error });
}
