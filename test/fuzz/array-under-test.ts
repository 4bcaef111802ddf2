import type { ScsiReply } from '../../src/scsi/task.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import type { Random } from '../../src/base/random.ts';
import { createArrayPair, type ArrayPair } from '../support/array-pair.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { ensure } from './fuzzer.ts';

/** Two real arrays; the first is played to. LUNs of it: command device 0, virtual 1, volumes 10 and 11, journal 20. */
export interface ArrayUnderTest {
  readonly pair: ArrayPair;
  readonly clock: FakeClock;
  readonly send: (lun: number, cdb: Uint8Array, data?: Uint8Array) => Promise<ScsiReply>;
  /** Tables, and what every volume, journal and command device reads as. */
  readonly snapshot: () => Promise<string>;
}

const STATUSES = new Set([0x00, 0x02, 0x08, 0x18, 0x28, 0x40]);

export async function withArray(work: (array: ArrayUnderTest) => Promise<void>): Promise<void> {
  const clock = createFakeClock();
  const pair = await createArrayPair({
    clock,
    random: createSeededRandom(7),
    storage: () => createMemoryStorage(),
    volumeBlocks: 512,
  });
  const { tokyo } = pair;
  tokyo.array().deviceServer.nexusOpened('fuzz');

  async function send(lun: number, cdb: Uint8Array, dataOut: Uint8Array = new Uint8Array(0)): Promise<ScsiReply> {
    const facts = { nexus: 'fuzz', lun: encodeLunField(lun), expectedDataOut: dataOut.length, expectedDataIn: 2 ** 20 };
    const reply = await tokyo.array().deviceServer.execute({ ...facts, cdb, dataOut });
    checkReply(
      reply,
      () => `LUN ${lun} ${Buffer.from(cdb).toString('hex')} + ${dataOut.length}: ${tokyo.log.join('; ')}`,
    );
    return reply;
  }

  async function snapshot(): Promise<string> {
    const parts = [JSON.stringify(tokyo.array().management.show())];
    for (const name of tokyo.storage.list()) {
      const file = tokyo.storage.open(name);
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      parts.push(`${name} ${Buffer.from(bytes).toString('base64')}`);
    }
    return parts.join('\n');
  }

  await clock.run(work({ pair, clock, send, snapshot }));
}

/** A well-formed answer, and never a mistake inside the array. */
function checkReply({ status, sense, dataIn }: ScsiReply, about: () => string): void {
  ensure(STATUSES.has(status), () => `status ${status} for ${about()}`);
  ensure(
    (status === 0x02) === (sense !== undefined),
    () => `status ${status} with sense ${String(sense)} for ${about()}`,
  );
  ensure(status === 0 || dataIn === undefined, () => `data with status ${status} for ${about()}`);
  if (!sense) return;
  ensure(sense.length >= 18 && (sense[0]! & 0x7e) === 0x70, () => `sense of ${sense.length} bytes for ${about()}`);
  // INTERNAL TARGET FAILURE is what an unforeseen exception becomes.
  ensure(sense[12] !== 0x44, () => `an internal failure for ${about()}`);
}

export function anyLun(random: Random): number {
  return [0, 1, 10, 10, 11, 20, 99][random.below(7)]!;
}
