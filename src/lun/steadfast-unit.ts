import type { CommandAnswer } from '../iscsi/initiator.ts';
import { SessionFailure } from './iscsi-connection.ts';
import type { IscsiSession } from './iscsi-session.ts';
import { LunError, type LunIdentity } from './lun.ts';
import { withDoubt, type ScsiUnit, type UnitCommand } from './scsi-unit.ts';

export interface SteadfastParts {
  readonly path: string;
  readonly unit: ScsiUnit;
  readonly session: Pick<IscsiSession, 'connectionNumber'>;
  /** Asks the unit, over whatever connection there is. */
  readonly identify: (deadlineMs: number) => Promise<LunIdentity>;
}

/** A unit that is asked who it is again before it is sent anything over a new connection or after a unit attention. */
export interface SteadfastUnit extends ScsiUnit {
  /** Connections lost and resets told: with each, what it had not made durable may have gone. */
  interruptions(): number;
}

/** A unit whose connection is lost again each time it is asked is of no use. */
const MAX_ATTEMPTS = 10;

/**
 * What stands behind a path may become another LUN while nobody looks: after a reconnect the target may have other LUNs under the same
 * numbers, and a unit attention may say so too (SPC-4 5.14: REPORTED LUNS DATA HAS CHANGED). Rejects then with `refused-for-safety`, and sends
 * nothing. Commands that name a connection go through as they are.
 */
export async function createSteadfastUnit(parts: SteadfastParts, deadlineMs: number): Promise<SteadfastUnit> {
  const unit = new Steadfast(parts);
  await unit.meet(deadlineMs);
  return unit;
}

/** 29h: power on, reset or bus device reset occurred, and their kin (SPC-4 table E.13). */
const RESET_ASC = 0x29;

class Steadfast implements SteadfastUnit {
  private readonly parts: SteadfastParts;
  private known: LunIdentity | undefined;
  /** Over which the unit has proved to be the one that it was; 0: over none. */
  private trusted = 0;
  private asking: Promise<void> | undefined;
  private askingUntilMs = 0;
  private connection = 0;
  private count = 0;

  constructor(parts: SteadfastParts) {
    this.parts = parts;
  }

  interruptions(): number {
    return this.count;
  }

  async execute(command: UnitCommand): Promise<CommandAnswer> {
    if (command.onlyConnection !== undefined) return this.parts.unit.execute(command);
    let doubtful = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.meet(command.deadlineMs);
        return await this.parts.unit.execute({ ...command, onlyConnection: this.trusted });
      } catch (error) {
        doubtful ||= error instanceof LunError && error.outcome === 'unknown';
        if (attempt < MAX_ATTEMPTS && this.maySendAgain(command, error)) continue;
        throw doubtful ? withDoubt(command, error) : error;
      }
    }
  }

  /** Waits until the unit has told over the present connection who it is. */
  async meet(deadlineMs: number): Promise<void> {
    while (this.trusted !== this.parts.session.connectionNumber() || this.trusted === 0) {
      if (!this.asking) {
        this.askingUntilMs = deadlineMs;
        this.asking = this.ask(deadlineMs).finally(() => {
          this.asking = undefined;
        });
      }
      // Whoever asked may have had less time than this caller, who then asks again.
      const untilMs = this.askingUntilMs;
      await this.asking.catch((error: unknown) => {
        if (untilMs >= deadlineMs) throw error;
      });
    }
  }

  private async ask(deadlineMs: number): Promise<void> {
    const { path, session, identify } = this.parts;
    const before = session.connectionNumber();
    const now = await identify(deadlineMs);
    // Over two connections it was two who answered, perhaps: the caller asks again.
    if (session.connectionNumber() !== before) return;
    this.known ??= now;
    const [was, is] = [inWords(this.known), inWords(now)];
    if (was !== is) {
      const message = `${path}: another LUN is there since the connection was lost or the target changed its LUNs: ${is}, it was ${was}; nothing was sent to it`;
      throw new LunError('refused-for-safety', path, message, { about: 'other-unit' });
    }
    if (this.connection !== 0 && this.connection !== before) this.count += 1;
    this.connection = before;
    this.trusted = before;
  }

  private maySendAgain(command: UnitCommand, error: unknown): boolean {
    if (!(error instanceof LunError)) return false;
    if (error.kind === 'unit-attention') {
      if (error.sense?.asc === RESET_ASC) this.count += 1;
      this.trusted = 0;
      return true;
    }
    const cause = error.cause instanceof LunError ? error.cause.cause : error.cause;
    if (!(cause instanceof SessionFailure) || cause.kind !== 'no-path') return false;
    const anew = this.parts.session.connectionNumber() !== this.trusted;
    return anew && (!cause.sent || command.repeatable);
  }
}

/** The revision may change with the firmware; the unit stays the same. */
function inWords({ vendor, product, serial, worldWideName }: LunIdentity): string {
  return `${[vendor, product].filter(Boolean).join(' ')} serial ${serial || '-'} name ${worldWideName || '-'}`;
}
