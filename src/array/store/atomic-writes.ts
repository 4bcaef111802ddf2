import { createExclusive } from '../../base/exclusive.ts';
import type { StorageFile } from '../../base/storage.ts';
import { openIntentLog, readIntents, type Intent } from './intent-log.ts';
import type { Volume } from './volume.ts';

/** Writes that a power cut leaves done or undone, never half done, whatever the backing of the volume is. */
export interface AtomicWrites {
  /** Bytes that one write can have. */
  readonly byteLimit: number;
  /**
   * Durable when it resolves to true. False where, in the turn in which the volume would take it, `permitted` no longer
   * holds: then nothing is written, now or after a restart.
   */
  write(offset: number, data: Uint8Array, permitted: () => boolean): Promise<boolean>;
  /** Must be awaited before any other change of the range; undefined where nothing has to be waited for. */
  conflict(offset: number, length: number): Promise<void> | undefined;
  /** Makes whole what a power cut left half done: once, before anybody else touches the volume. */
  recover(): Promise<void>;
  /** Leaves nothing of what was ever written; nothing may be written meanwhile. */
  wipe(): Promise<void>;
}

const ATOMIC_BYTES = 1024 * 1024;
export const INTENT_LOG_BYTES = 8 * ATOMIC_BYTES;

/**
 * The volume with `atomic`. A write stands durably in an intent log before the volume takes it, and stays there until the
 * volume has made it durable. A restart writes again, in their order, those that the log still has; so that it never brings
 * old data back, a later change of the same blocks waits until the log has forgotten them. Other writes cost nothing more.
 */
export function withAtomicWrites(
  volume: Volume,
  files: { readonly exists: () => boolean; readonly open: () => StorageFile },
): Volume {
  const queue = createExclusive();
  /** In the log, the newest ones perhaps not in the volume yet. */
  let live: Intent[] = [];
  let opened: { readonly file: StorageFile; readonly log: ReturnType<typeof openIntentLog> } | undefined;

  function open(): NonNullable<typeof opened> {
    if (opened) return opened;
    const file = files.open();
    opened = { file, log: openIntentLog(file, INTENT_LOG_BYTES) };
    return opened;
  }

  /** What the volume holds is durable before the log forgets it. */
  async function settle(): Promise<void> {
    if (live.length === 0) return volume.flush();
    await volume.flush();
    await open().log.empty();
    live = [];
  }

  async function makeRoom(offset: number, length: number): Promise<void> {
    for (let wait = volume.announce(offset, length); wait; wait = volume.announce(offset, length)) await wait;
  }

  async function store(intent: Intent, permitted: () => boolean): Promise<boolean> {
    const { log } = open();
    const { offset, data } = intent;
    if (!log.hasRoom(data.length)) await settle();
    await makeRoom(offset, data.length);
    // From here on it counts as in the log, even where that fails: whether it is there is not known then.
    live.push(intent);
    log.append(intent);
    await log.flush();
    // In the turn of the write itself: whatever runs in between may give the room back.
    for (let wait = volume.announce(offset, data.length); wait; wait = volume.announce(offset, data.length)) await wait;
    if (permitted()) {
      await volume.write(offset, data, true);
      return true;
    }
    await settle();
    return false;
  }

  async function recover(): Promise<void> {
    if (!files.exists()) return;
    const { file, log } = open();
    const intents = readIntents(file);
    for (const { offset, data } of intents) {
      await makeRoom(offset, data.length);
      await volume.write(offset, data, true);
    }
    if (intents.length > 0) await volume.flush();
    await log.wipe();
  }

  const atomic: AtomicWrites = {
    byteLimit: ATOMIC_BYTES,
    write: (offset, data, permitted) => queue.run(() => store({ offset, data }, permitted)),
    conflict(offset, length) {
      const meets = live.some(
        (intent) => intent.offset < offset + length && offset < intent.offset + intent.data.length,
      );
      return meets ? queue.run(settle) : undefined;
    },
    recover: () => queue.run(recover),
    wipe: () =>
      queue.run(async () => {
        if (files.exists()) await open().log.wipe();
        live = [];
      }),
  };

  return {
    ...volume,
    atomic,
    flush: () => (live.length === 0 ? volume.flush() : queue.run(settle)),
    close() {
      opened?.file.close();
      return volume.close();
    },
  };
}
