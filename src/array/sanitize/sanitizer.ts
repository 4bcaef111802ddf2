import type { Clock } from '../../base/clock.ts';
import type { StorageFile } from '../../base/storage.ts';
import { checkCondition, SCSI_STATUS, ScsiFault } from '../../scsi/fault.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import type { Volume } from '../store/volume.ts';
import { eraseVolume } from './erase-volume.ts';
import { eraseFreeJournals, type FreeJournals } from './free-journals.ts';
import { NOTHING, openSanitizeFile, type SanitizeFile, type SanitizeRecord } from './sanitize-record.ts';

/** SANITIZE of a volume as the device server and the unit see it. */
export interface Sanitizer {
  /** Undefined where the volume can be used. */
  status(): SanitizeStatus | undefined;
  /** Resolves when it is durable that it has begun: from then on nothing but its success ends it. */
  begin(request: SanitizeRequest): Promise<void>;
  /** Resolves at its next progress, or its end. */
  step(): Promise<void>;
  /** Gives a volume back whose sanitize has failed, with whatever it holds. */
  exitFailure(): Promise<void>;
}

export type SanitizeRequest = Omit<SanitizeRecord, 'state'>;

export interface SanitizeStatus {
  readonly state: 'running' | 'failed';
  /** 0 to 1. */
  readonly progress: number;
  readonly allowExit: boolean;
}

export interface VolumeSanitizer extends Sanitizer {
  /** Goes on with what the last life of the array did not finish. */
  resume(): void;
  stop(): Promise<void>;
}

/** What a host is answered while the volume cannot be used (SBC-3 4.11). */
export function sanitizeFault({ state, progress }: SanitizeStatus): ScsiFault {
  if (state === 'failed') return checkCondition(SENSE_KEY.mediumError, 0x31, 0x03, 'a sanitize command has failed');
  return new ScsiFault(SCSI_STATUS.checkCondition, 'a sanitize is in progress', {
    key: SENSE_KEY.notReady,
    asc: 0x04,
    ascq: 0x1b,
    progress: Math.min(0xffff, Math.floor(progress * 0x1_0000)),
  });
}

export interface SanitizerParts {
  readonly volume: Volume;
  readonly clock: Clock;
  /** The file of its record, made when it is first needed. */
  readonly file: { readonly exists: () => boolean; readonly open: () => StorageFile };
  /** Journals that may hold data of the volume from a pair that is dissolved. */
  readonly journals: FreeJournals;
  readonly log: (text: string) => void;
}

/** The longest time without a step while it only waits for its least time to pass. */
const STEP_MS = 200;

export function createSanitizer({ volume, clock, file, journals, log }: SanitizerParts): VolumeSanitizer {
  const { name, sanitizeMinimum = 0 } = volume.description;
  let opened: SanitizeFile | undefined;
  let record = file.exists() ? records().load() : NOTHING;
  let progress = 0;
  let work: Promise<void> = Promise.resolve();
  let stopped = false;
  let waiting: (() => void)[] = [];
  let endPause = (): void => undefined;

  function records(): SanitizeFile {
    opened ??= openSanitizeFile(file.open());
    return opened;
  }

  function notify(): void {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.setTimer(delayMs, resolve, { background: true });
      endPause = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** False where the array stops: the next one goes on. */
  async function advance(done: number, delayMs = 0): Promise<boolean> {
    progress = done;
    notify();
    if (!stopped) await pause(delayMs);
    return !stopped;
  }

  /** An encrypted volume was in no pair. False where the array stops. */
  async function eraseJournals(): Promise<boolean> {
    if (volume.description.encrypted) return true;
    const left = await eraseFreeJournals(journals, () => advance(0));
    if (left === 'stopped') return false;
    if (left.length === 0) return true;
    const which = left.length === 1 ? `journal ${left[0]} is` : `journals ${left.join(', ')} are`;
    log(`sanitize of volume ${name}: ${which} in use and may hold data of it, if it was in a pair there`);
    return true;
  }

  async function carryOut(): Promise<void> {
    const beganMs = clock.monotonicMs();
    if (!(await eraseJournals())) return;
    const leastMs = sanitizeMinimum * 1000;
    const passed = () => (leastMs === 0 ? 1 : Math.min(1, (clock.monotonicMs() - beganMs) / leastMs));
    if (!(await eraseVolume(volume, record, (done) => advance(Math.min(done, passed()))))) return;
    while (passed() < 1) {
      const restMs = leastMs - (clock.monotonicMs() - beganMs);
      if (!(await advance(passed(), Math.min(STEP_MS, restMs)))) return;
    }
    await records().save(NOTHING);
    record = NOTHING;
    log(`volume ${name} is sanitized`);
  }

  async function run(): Promise<void> {
    try {
      await carryOut();
    } catch (error) {
      log(`sanitize of volume ${name} failed: ${String(error)}`);
      record = { ...record, state: 'failed' };
      await records()
        .save(record)
        .catch((failure: unknown) => log(`sanitize of volume ${name}: ${String(failure)}`));
    } finally {
      notify();
    }
  }

  return {
    status() {
      if (record.state === 'none') return undefined;
      return { state: record.state, progress, allowExit: record.allowExit };
    },
    async begin(request) {
      const before = record;
      // At once, so that no write that is waiting can come in between.
      record = { ...request, state: 'running' };
      progress = 0;
      try {
        await records().save(record);
      } catch (error) {
        // Where the disk may have taken it the next start would erase what is written from now on; without a file it has taken nothing.
        const taken = opened !== undefined && opened.load().state !== before.state;
        record = taken ? { ...request, state: 'failed' } : before;
        throw error;
      }
      work = run();
    },
    step() {
      if (stopped) return Promise.reject(sanitizeFault({ state: 'running', progress, allowExit: record.allowExit }));
      return new Promise((resolve) => waiting.push(resolve));
    },
    async exitFailure() {
      await records().save(NOTHING);
      record = NOTHING;
    },
    resume() {
      if (record.state === 'running') work = run();
    },
    async stop() {
      stopped = true;
      endPause();
      await work;
    },
  };
}
