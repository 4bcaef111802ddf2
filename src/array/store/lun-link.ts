import { delay, type Clock, type Timer } from '../../base/clock.ts';
import type { Lun } from '../../lun/lun.ts';

/**
 * The way to a LUN that may vanish and come back. One that was there a moment ago is opened anew at once, a few times; then
 * it counts as away, and is tried for from time to time.
 */
export interface LunLink {
  state(): LinkState;
  /** Undefined where it is not open. */
  lun(): Lun | undefined;
  /** Waits while it is opened anew. Rejects with the last failure where it is away. */
  connected(): Promise<Lun>;
  /** Told that `used` has failed; of no effect where it is not in use any more. */
  lost(used: Lun | undefined, error: unknown): void;
  /** It does what it is for: losses before count no more. */
  proved(): void;
  /** Tries once, where it is away. */
  reach(): Promise<void>;
  failure(): unknown;
  close(): Promise<void>;
}

export type LinkState = 'open' | 'reconnecting' | 'away' | 'closed';

/** Before each further attempt to reach a LUN that was there a moment ago. */
const QUICK_PAUSES_MS: readonly number[] = [100, 300, 600];
const RETRY_PAUSES_MS: readonly number[] = [500, 1000, 2000];
/** Losses in a row without proof; beyond them it is no use to send everything again at once. */
const LOSS_LIMIT = 3;

export function createLunLink(parts: {
  readonly clock: Clock;
  readonly open: () => Promise<Lun>;
  /** It is open, for the first time or anew: nothing of before is under way any more. */
  readonly onOpen: (wasAway: boolean) => void;
  /** It is given up; `wasOpen` tells the first time from later attempts. */
  readonly onGivenUp: (error: unknown, wasOpen: boolean) => void;
  readonly notReached: unknown;
}): LunLink {
  const { clock } = parts;
  let state: LinkState = 'away';
  let lun: Lun | undefined;
  let connecting: Promise<void> | undefined;
  let lastError: unknown = parts.notReached;
  let losses = 0;
  let retries = 0;
  let retryTimer: Timer | undefined;

  /** Without `pauses` not even once: it is given up. */
  function connect(pauses: readonly number[] | undefined): Promise<void> {
    const before = connecting ?? Promise.resolve();
    const running = before
      .then(() => (state === 'open' ? undefined : tryToConnect(pauses)))
      .finally(() => {
        if (connecting === running) connecting = undefined;
      });
    connecting = running;
    return running;
  }

  async function tryToConnect(pauses: readonly number[] | undefined): Promise<void> {
    for (let attempt = 0; pauses && state !== 'closed'; attempt += 1) {
      if (await openOnce()) return;
      const pauseMs = pauses[attempt];
      if (pauseMs === undefined) break;
      await delay(clock, pauseMs);
    }
    if (state !== 'closed') giveUp();
  }

  async function openOnce(): Promise<boolean> {
    const old = lun;
    lun = undefined;
    let opened: Lun;
    try {
      // First the old one: what it has under way must not arrive behind what is sent again.
      await old?.close();
      opened = await parts.open();
    } catch (error) {
      lastError = error;
      return false;
    }
    if (isClosed()) await opened.close();
    else reached(opened);
    return true;
  }

  const isClosed = (): boolean => state === 'closed';

  function reached(opened: Lun): void {
    const wasAway = state !== 'reconnecting';
    lun = opened;
    state = 'open';
    retries = 0;
    parts.onOpen(wasAway);
  }

  function giveUp(): void {
    const wasOpen = state === 'reconnecting';
    state = 'away';
    losses = 0;
    const pauseMs = RETRY_PAUSES_MS[Math.min(retries, RETRY_PAUSES_MS.length - 1)]!;
    retries += 1;
    retryTimer?.cancel();
    retryTimer = clock.setTimer(pauseMs, () => void (state === 'away' && connect([])), { background: true });
    parts.onGivenUp(lastError, wasOpen);
  }

  return {
    state: () => state,
    lun: () => (state === 'open' ? lun : undefined),
    async connected() {
      while (state === 'reconnecting' && connecting) await connecting;
      if (state === 'open' && lun) return lun;
      throw lastError;
    },
    lost(used, error) {
      if (state !== 'open' || used !== lun) return;
      state = 'reconnecting';
      lastError = error;
      losses += 1;
      void connect(losses > LOSS_LIMIT ? undefined : QUICK_PAUSES_MS);
    },
    proved() {
      losses = 0;
    },
    async reach() {
      if (state === 'away') await connect([]);
    },
    failure: () => lastError,
    async close() {
      state = 'closed';
      retryTimer?.cancel();
      await connecting;
      await lun?.close();
    },
  };
}
