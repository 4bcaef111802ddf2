import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessDescription, ArrayDescription } from '../../../src/array/description.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { createArrayClient, type ArrayClient } from '../../../src/host/array-client.ts';
import { encodeChallenge } from '../../../src/interface-block/challenge.ts';
import { WRITE_UNIT } from '../../../src/interface-block/geometry.ts';
import { signRequestPart } from '../../../src/interface-block/signature.ts';
import type { Lun, LunOpener } from '../../../src/lun/lun.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { DESCRIPTION, NOTHING, serveTestArray, type ServedArray } from '../../support/served-array.ts';
import { blockOf, challengeOf, writeBlock } from '../../support/written-blocks.ts';

/**
 * What becomes of a signed block that somebody without the key has overheard on the wire and writes again: over real sockets,
 * with what cdctl's own command client sends.
 */

const HOLDER = 'iqn.2026-11.com.example:holder';
const THIEF = 'iqn.2026-11.com.example:thief';
const SIGNING = { name: 'runbook', key: new TextEncoder().encode('a key of thirty-two bytes or more') };
const ID = '00112233445566778899aabbccddeeff';

const ACCESS: AccessDescription = {
  ...NOTHING,
  initiators: [
    { name: HOLDER, luns: [0, 1], role: 'signed' },
    { name: THIEF, luns: [0, 1], role: 'signed' },
  ],
  keys: [{ name: 'runbook', keyFile: 'k', role: 'operator', groups: ['oradb'] }],
};

const second = { lun: 1, name: 'command2', kind: 'command-device', blockSize: 512, blockCount: 4096 } as const;
const TOKYO: ArrayDescription = { ...DESCRIPTION, volumes: [...DESCRIPTION.volumes, second] };

let storage: Storage;
let served: ServedArray;
const others: ServedArray[] = [];
const clients: ArrayClient[] = [];

const serve = (description = TOKYO, on: Storage = createMemoryStorage()): Promise<ServedArray> =>
  serveTestArray({ access: ACCESS, storage: on, parts: { description, keyOf: () => SIGNING.key } });

beforeEach(async () => {
  storage = createMemoryStorage();
  served = await serve(TOKYO, storage);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const each of [served, ...others.splice(0)]) await each.stop();
});

const lunOf = (array: ServedArray, initiator: string, lun = 0): Promise<Lun> =>
  array.opener(initiator).open(`${array.url}/${lun}`);

/** What stands on the wire beside the host: `heard` has every request part that it wrote. */
function overheardBy(heard: Uint8Array[]): LunOpener {
  const opener = served.opener(HOLDER);
  return {
    async open(path, options) {
      const lun = await opener.open(path, options);
      return {
        ...lun,
        path,
        capacity: (io) => lun.capacity(io),
        read: (lba, count, io) => lun.read(lba, count, io),
        write: (lba, data, io) => {
          if (data.length === WRITE_UNIT) heard.push(data.slice());
          return lun.write(lba, data, io);
        },
        close: () => lun.close(),
      };
    },
  };
}

function client(opener: LunOpener, paths = [`${served.url}/0`]): ArrayClient {
  const made = createArrayClient({
    array: 'tokyo',
    serial: 'TOKYO',
    paths,
    opener,
    clock: createRealClock(),
    random: createRealRandom(),
    host: 'root@db1:7',
    timeoutMs: 10_000,
    signingKey: SIGNING,
  });
  clients.push(made);
  return made;
}

const ask = (from: ArrayClient) => from.call('array.show', { header: {}, rows: [] });
const split = (from: ArrayClient) =>
  from.call('pair.split', { header: { group: 'oradb' }, rows: [] }, { requestId: ID });

async function heardFrom(action: (client: ArrayClient) => Promise<unknown>): Promise<Uint8Array> {
  const heard: Uint8Array[] = [];
  await action(client(overheardBy(heard))).catch(() => undefined);
  expect(heard).toHaveLength(1);
  return heard[0]!;
}

describe.each([
  ['query', ask],
  ['command', split],
])('an overheard %s', (_what, action) => {
  it('is answered to nobody who writes it again, on no slot and no command device', async () => {
    const block = await heardFrom(action);
    for (const [initiator, lun, slot] of [
      [THIEF, 0, 3],
      [THIEF, 1, 3],
      [HOLDER, 0, 9],
      [HOLDER, 1, 9],
    ] as const) {
      expect(await writeBlock(await lunOf(served, initiator, lun), block, slot)).toBe('stale-signature');
    }
  });

  it('is answered to nobody after a restart either', async () => {
    const block = await heardFrom(action);
    await served.stop();
    served = await serve(TOKYO, storage);
    for (const initiator of [THIEF, HOLDER]) {
      expect(await writeBlock(await lunOf(served, initiator), block, 3)).toBe('stale-signature');
    }
  });

  it('is worth nothing at another array with the same key, nor at one that says to be the same', async () => {
    const block = await heardFrom(action);
    others.push(await serve({ ...TOKYO, serial: 'OSAKA', name: 'osaka' }), await serve());
    const [osaka, copy] = others;
    expect(await writeBlock(await lunOf(osaka!, THIEF), block, 3)).toBe('wrong-array');
    expect(await writeBlock(await lunOf(copy!, THIEF), block, 3)).toBe('stale-signature');
  });
});

describe('whoever has the key', () => {
  it('gets the one outcome of its command on its own, over a restart of the array and over two paths', async () => {
    await expect(split(client(served.opener(HOLDER)))).rejects.toThrow(/no group/);
    expect(served.array.management.show().commandNumber).toBe(1);
    await served.stop();
    served = await serve(TOKYO, storage);
    const paths = [`${served.url}/1`, `${served.url}/0`];
    await expect(split(client(served.opener(HOLDER), paths))).rejects.toThrow(/no group/);
    expect(served.array.management.show().commandNumber, 'executed once').toBe(1);
  });

  it('signs anew on its own where the array was started between its label and its block', async () => {
    const challenge = await challengeOf(await lunOf(served, HOLDER));
    await served.stop();
    served = await serve(TOKYO, storage);
    const opener = served.opener(HOLDER);
    let stale = 1;
    // The head of the life before, once: as if it had been read a moment ago.
    const late: LunOpener = {
      async open(path, options) {
        const lun = await opener.open(path, options);
        return {
          ...lun,
          path,
          capacity: (io) => lun.capacity(io),
          async read(lba, count, io) {
            const bytes = (await lun.read(lba, count, io)).slice();
            if (lba === 0 && stale-- > 0) bytes.set(encodeChallenge(challenge), 4096);
            return bytes;
          },
          write: (lba, data, io) => lun.write(lba, data, io),
          close: () => lun.close(),
        };
      },
    };
    await expect(split(client(late))).rejects.toThrow(/no group/);
    expect(stale, 'the label was read twice').toBeLessThan(0);
    expect(served.array.management.show().commandNumber).toBe(1);
  });

  it('signs for an array without a challenge as it always did, and is told where that is not enough', async () => {
    const lun = await lunOf(served, HOLDER);
    const block = blockOf('array.show', {}, { requestId: ID, arraySerial: 'TOKYO' });
    signRequestPart(block, SIGNING);
    expect(await writeBlock(lun, block, 1)).toBe('not-authenticated');
  });
});
