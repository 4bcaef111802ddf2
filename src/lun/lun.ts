/** What a LUN is to everything above it: a numbered row of blocks somewhere, whatever carries them. */

export interface LunIdentity {
  /** INQUIRY vendor, product and revision, trimmed; empty where the path cannot tell (a raw file). */
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  /** Unit serial number (VPD 80h), empty where unknown. */
  readonly serial: string;
  /** The logical unit's world wide name (VPD 83h) as hex, empty where unknown. */
  readonly worldWideName: string;
}

export interface LunCapacity {
  /** Bytes in a block. */
  readonly blockSize: number;
  readonly blockCount: number;
}

export interface IoOptions {
  /** Milliseconds after which the call fails with `timeout`. */
  readonly timeoutMs?: number;
}

export interface WriteOptions extends IoOptions {
  /** Durable before the call resolves. */
  readonly forceUnitAccess?: boolean;
  /**
   * Writing the same bytes again does no harm, even after another host has read or written in between: the write is then
   * sent again after a lost connection, where it would otherwise fail with outcome `unknown`.
   */
  readonly repeatable?: boolean;
  /**
   * Only where the unit is still what the last `read` saw: after a reconnect, or a unit attention that may mean another
   * mapping, the write fails with outcome `not-done` instead of being sent.
   */
  readonly onlyAsLastRead?: boolean;
}

/** A SCSI command of one's own, for those who look at a unit or reserve it. */
export interface ScsiRequest extends IoOptions {
  /** For messages: "MODE SENSE(10)". */
  readonly what: string;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  /** Room for what comes back; 0 without. */
  readonly dataInLength?: number;
  /** Doing it twice does no harm. */
  readonly repeatable: boolean;
}

/** A command that someone else answers for: it goes out once, and what the unit says comes back as it is. */
export interface PassedRequest extends Required<IoOptions> {
  readonly what: string;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  /** Room for what comes back; 0 without. */
  readonly dataInLength: number;
  /** The listener is called once nobody wants the command any more: the unit is then told to abort it. */
  readonly onceAborted?: (listener: () => void) => void;
}

export interface PassedAnswer {
  /** SAM status byte; any. */
  readonly status: number;
  readonly sense: Uint8Array | undefined;
  readonly dataIn: Uint8Array;
  /** Bytes that the unit had (positive) or lacked (negative) against the data or the room that it was given. */
  readonly residual: number;
}

export interface ScsiAccess {
  /** Resolves with what came back once the command has ended with GOOD. Rejects with `LunError`. */
  execute(request: ScsiRequest): Promise<Uint8Array>;
}

/** What a LUN that was opened for an initiator port of its own has besides. */
export interface PassThrough {
  /**
   * Passes a command on. Rejects with `LunError` only where there was no answer: `outcome` says whether the unit may have carried it
   * out.
   */
  execute(request: PassedRequest): Promise<PassedAnswer>;
  /** LOGICAL UNIT RESET. Rejects with `LunError` where the target did not do it. */
  resetUnit(options?: IoOptions): Promise<void>;
}

/**
 * One LUN through one path. Addresses and lengths are in blocks. Several calls may be in flight; the LUN may execute
 * them in any order. Every method rejects with `LunError` only.
 */
export interface Lun {
  /** How the operator named it: `/dev/...` or `iscsi://...`. */
  readonly path: string;
  identify(options?: IoOptions): Promise<LunIdentity>;
  capacity(options?: IoOptions): Promise<LunCapacity>;
  read(lba: number, blockCount: number, options?: IoOptions): Promise<Uint8Array>;
  /** `data` is a whole number of blocks. */
  write(lba: number, data: Uint8Array, options?: WriteOptions): Promise<void>;
  /** Everything written before is durable when this resolves (SYNCHRONIZE CACHE, fsync). */
  flush(options?: IoOptions): Promise<void>;
  close(): Promise<void>;
  /**
   * Changes whenever the unit may have been reset: what was written and not flushed before may be lost then. Only where it was opened
   * `steadfast` over a path that can be interrupted.
   */
  interruptions?(): number;
  /** Absent where the path carries no SCSI commands: a block device of the kernel, a LUN in memory. */
  readonly scsi?: ScsiAccess;
  /** Only where it was opened with `initiatorPort`. */
  readonly passThrough?: PassThrough;
}

/**
 * What went wrong, as the caller must tell it apart:
 * - `no-path`: it cannot be reached (connection refused or lost, login failed, no such device file)
 * - `no-such-lun`: the target or directory is there, the LUN is not
 * - `refused-for-safety`: a mounted or exclusively held device, or an identity that is not the expected one
 * - `reservation-conflict`, `busy`, `task-set-full`, `unit-attention`, `not-ready`, `no-medium`, `write-protected`: the
 *   SCSI conditions of those names; a unit attention only where the command may not go out again by itself
 * - `check-condition`: any other sense, in `sense`
 * - `io-error`: the operating system's error on a raw device; a SCSI status or answer that fits nothing above
 * - `timeout`: no answer in time
 * - `bad-argument`: an LBA or length outside the LUN, a path that cannot be parsed
 */
export type LunErrorKind =
  | 'no-path'
  | 'no-such-lun'
  | 'refused-for-safety'
  | 'reservation-conflict'
  | 'busy'
  | 'task-set-full'
  | 'unit-attention'
  | 'not-ready'
  | 'no-medium'
  | 'write-protected'
  | 'check-condition'
  | 'io-error'
  | 'timeout'
  | 'bad-argument';

export interface SenseFacts {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
}

export type LunErrorSubject = 'secret' | 'device-type' | 'needs-scsi' | 'other-unit';

export class LunError extends Error {
  override readonly name = 'LunError';
  readonly kind: LunErrorKind;
  readonly path: string;
  /** Whether a write may have been done: `unknown` after a lost connection or timeout with the command sent. */
  readonly outcome: 'not-done' | 'unknown';
  readonly sense: SenseFacts | undefined;
  /** What a bad argument or a refusal is about, where that is not the form of the path, a range, or who uses the LUN. */
  readonly about: LunErrorSubject | undefined;

  constructor(
    kind: LunErrorKind,
    path: string,
    message: string,
    details: {
      outcome?: 'not-done' | 'unknown';
      sense?: SenseFacts;
      cause?: unknown;
      about?: LunErrorSubject;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.path = path;
    this.outcome = details.outcome ?? 'not-done';
    this.sense = details.sense;
    this.about = details.about;
  }
}

export function isPathLoss(error: unknown): error is LunError {
  return error instanceof LunError && error.kind === 'no-path';
}

/** ILLEGAL REQUEST that has no kind of its own: the unit does not know the command, or not like this. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof LunError && error.kind === 'check-condition' && error.sense?.key === 5;
}

/** The message, where the path is told beside it. */
export function withoutPath({ message, path }: LunError): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}

export interface OpenOptions extends IoOptions {
  /**
   * Comes as this initiator port (ISID, 6 bytes): in a session with the target that nobody else uses but other LUNs opened with the
   * same port. The LUN then fails for good once the connection is lost, and no unit attention is answered or thrown away here.
   */
  readonly initiatorPort?: Uint8Array;
  /**
   * It has to stay the unit that it is now: before anything is sent over a new connection or after a unit attention it is asked who it is, and
   * another one is refused (`refused-for-safety`). A block device that is open stays the same one anyhow.
   */
  readonly steadfast?: boolean;
}

/** Opens LUNs by path; wiring provides the one that knows block devices and iSCSI, tests provide others. */
export interface LunOpener {
  open(path: string, options?: OpenOptions): Promise<Lun>;
}
