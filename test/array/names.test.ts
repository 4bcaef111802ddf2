import { describe, expect, it } from 'vitest';
import { createArrayPair, type ArrayPair, type ArrayPairOptions } from '../support/array-pair.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** A field of an interface block has room for 32 bytes of a name, and 16 of a serial. */

const LONG = 'a-name-of-more-than-thirty-two-characters';

async function withArrays(work: (pair: ArrayPair) => Promise<void>, options: Partial<ArrayPairOptions> = {}) {
  const clock = createFakeClock();
  const build = async (): Promise<void> => {
    await work(
      await createArrayPair({ clock, random: createSeededRandom(1), storage: createMemoryStorage, ...options }),
    );
  };
  await clock.run(build());
}

describe('a name that does not fit into an interface block', () => {
  const volume = { lun: 50, kind: 'volume', blockSize: 512, blockCount: 8 } as const;

  it.each([LONG, 'größe', '', 'two words', '-dash'])('%j is refused, and nothing changed', (name) =>
    withArrays(async ({ tokyo }) => {
      const { management } = tokyo.array();
      const target = { targetSerial: 'OS000001', targetLun: 3 };
      const device = { lun: 0, deviceSerial: 'TK000001', deviceName: name };
      await expect(management.addVolume({ ...volume, name })).rejects.toThrow('is not 1 to 32 of letters');
      await expect(management.mapLun({ lun: 51, name, ...target })).rejects.toThrow('is not 1 to 32 of letters');
      await management.unregisterCommandDevice(0);
      await expect(management.registerCommandDevice(device)).rejects.toThrow('is not 1 to 32 of letters');
      expect((await tokyo.operations.listVolumes()).map(({ lun }) => lun)).toEqual([0, 1, 10, 11, 20]);
    }),
  );

  it('is refused as the serial of a remote array, too', () =>
    withArrays(async ({ tokyo }) => {
      const remote = { serial: 'SERIALOFSEVENTEEN', name: 'kyoto', portals: ['memory:KY000001'] };
      await expect(tokyo.array().management.addRemote(remote)).rejects.toThrow('is not 1 to 16 characters');
    }));

  it('is cut where the tables have it from elsewhere: the array can be asked for its volumes and devices', () =>
    withArrays(
      async ({ tokyo }) => {
        const names = (await tokyo.operations.listVolumes()).map(({ name }) => name);
        expect(names).toContain(LONG.slice(0, 32));
        expect((await tokyo.operations.listCommandDevices())[0]!.deviceName).toBe(LONG.slice(0, 32));
      },
      { dataName: LONG },
    ));
});
