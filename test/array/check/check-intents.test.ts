import { describe, expect, it } from 'vitest';
import { checkIntents } from '../../../src/array/check/check-intents.ts';
import { checkSanitize } from '../../../src/array/check/check-sanitize.ts';
import type { Finding } from '../../../src/array/check/finding.ts';
import { NOTHING, openSanitizeFile, SANITIZE_FILE_BYTES } from '../../../src/array/sanitize/sanitize-record.ts';
import { INTENT_LOG_BYTES } from '../../../src/array/store/atomic-writes.ts';
import type { VolumeDescription } from '../../../src/array/description.ts';
import { encryptedFile } from '../../../src/array/store/encrypted-file.ts';
import { openGuardedFile } from '../../../src/array/store/guarded-file.ts';
import { openIntentLog } from '../../../src/array/store/intent-log.ts';
import { keyFileOf, openVolumeKey } from '../../../src/array/store/volume-key.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const VOLUME = { lun: 10, name: 'data', kind: 'volume', blockSize: 512, blockCount: 2048 } as const;
const LOG = 'lun-10.intents';
const RECORD = 'lun-10.sanitize';
/** A header of 512 bytes, and as much data. */
const WRITE_BYTES = 1024;

function flip(storage: Storage, file: string, at: number): void {
  const byte = new Uint8Array(1);
  const opened = storage.open(file);
  opened.read(byte, at);
  opened.write(Uint8Array.of(byte[0]! ^ 0xff), at);
}

async function logOf(count: number): Promise<Storage> {
  const storage = createMemoryStorage();
  const log = openIntentLog(storage.open(LOG), INTENT_LOG_BYTES);
  for (let write = 0; write < 5; write += 1) log.append({ offset: write * 512, data: new Uint8Array(512).fill(9) });
  await log.empty();
  for (let write = 0; write < count; write += 1) {
    log.append({ offset: write * 512, data: new Uint8Array(512).fill(write + 1) });
  }
  return storage;
}

function findings(
  storage: Storage,
  check: typeof checkIntents,
  volume: VolumeDescription = VOLUME,
): readonly Finding[] {
  const found: Finding[] = [];
  check(volume, storage, (finding) => found.push(finding));
  for (const { what, meaning, next } of found) {
    for (const text of [what, meaning, next]) expect(text.length).toBeGreaterThan(10);
  }
  return found;
}

describe('the log of atomic writes', () => {
  it('is sound where there is none, or one emptied, or with writes before what an emptied one left', async () => {
    expect(findings(createMemoryStorage(), checkIntents)).toEqual([]);
    for (const count of [0, 1, 3, 5, 6]) expect(findings(await logOf(count), checkIntents)).toEqual([]);
  });

  it('is in doubt where the last write is torn, as a power cut leaves it', async () => {
    for (const at of [512, 700, 1023]) {
      const storage = await logOf(3);
      flip(storage, LOG, 2 * WRITE_BYTES + at);
      expect(findings(storage, checkIntents)).toMatchObject([
        { severity: 'doubt', file: LOG, offset: 2 * WRITE_BYTES },
      ]);
    }
    const short = await logOf(6);
    short.open(LOG).truncate(6 * WRITE_BYTES - 100);
    expect(findings(short, checkIntents)).toMatchObject([{ severity: 'doubt', offset: 5 * WRITE_BYTES }]);
    const storage = await logOf(1);
    flip(storage, LOG, 3);
    expect(findings(storage, checkIntents)).toMatchObject([{ severity: 'doubt', file: LOG, offset: 0 }]);
  });

  it('is read with the keys of an encrypted volume, and left alone where they are lost', async () => {
    const volume = { ...VOLUME, encrypted: true } as const;
    const storage = createMemoryStorage();
    const key = await openVolumeKey(VOLUME.lun, { storage, random: createSeededRandom(1) });
    const file = encryptedFile(storage.open(LOG), () => key.cipher('intents'));
    const log = openIntentLog(file, INTENT_LOG_BYTES);
    for (let write = 0; write < 3; write += 1) log.append({ offset: write * 512, data: new Uint8Array(512).fill(7) });
    expect(findings(storage, checkIntents, volume)).toEqual([]);
    flip(storage, LOG, WRITE_BYTES + 600);
    expect(findings(storage, checkIntents, volume)).toMatchObject([{ severity: 'damage', offset: WRITE_BYTES }]);
    await storage.remove(keyFileOf(VOLUME.lun));
    expect(findings(storage, checkIntents, volume)).toEqual([]);
  });

  it('is damaged where a write is that later ones followed', async () => {
    const storage = await logOf(3);
    flip(storage, LOG, WRITE_BYTES + 600);
    expect(findings(storage, checkIntents)).toMatchObject([{ severity: 'damage', offset: WRITE_BYTES }]);
  });

  it('is damaged where it writes beyond the end of the volume, or is longer than any', async () => {
    const storage = await logOf(0);
    const log = openIntentLog(storage.open(LOG), INTENT_LOG_BYTES);
    log.append({ offset: 2048 * 512 - 256, data: new Uint8Array(512).fill(1) });
    expect(findings(storage, checkIntents)).toMatchObject([{ severity: 'damage', what: /beyond the end/ }].map(asText));
    storage.open(LOG).write(Uint8Array.of(1), INTENT_LOG_BYTES);
    expect(findings(storage, checkIntents)).toHaveLength(2);
  });
});

const asText = ({ severity, what }: { severity: string; what: RegExp }): object => ({
  severity,
  what: expect.stringMatching(what) as string,
});

describe('the record of a SANITIZE', () => {
  const running = { ...NOTHING, state: 'running', passes: 1, pattern: Uint8Array.of(1, 2, 3) } as const;

  async function recorded(): Promise<Storage> {
    const storage = createMemoryStorage();
    await openSanitizeFile(storage.open(RECORD)).save(running);
    return storage;
  }

  it('is sound where there is none, or one was saved', async () => {
    expect(findings(createMemoryStorage(), checkSanitize)).toEqual([]);
    expect(findings(await recorded(), checkSanitize)).toEqual([]);
  });

  it('is damaged where nothing of it is left, and where it says what no version wrote', async () => {
    const spoilt = await recorded();
    spoilt.open(RECORD).write(new Uint8Array(3 * 512).fill(0xee), 0);
    expect(findings(spoilt, checkSanitize)).toMatchObject([{ severity: 'damage', file: RECORD, offset: 0 }]);
    const storage = await recorded();
    openGuardedFile(storage.open(RECORD), SANITIZE_FILE_BYTES).write(Uint8Array.of(9), 8);
    expect(findings(storage, checkSanitize)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ severity: 'damage', what: expect.stringMatching(/sanitize\.state/) }),
      ]),
    );
  });
});
