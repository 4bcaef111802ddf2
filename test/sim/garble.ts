import type { Draws } from './randomness.ts';
import { sleep, type Life } from './scheduler.ts';
import type { ArrayParty, World } from './world.ts';

/** Bytes that are no iSCSI, or not at that place: connections that say nothing, half a login, a login and then anything. */

const HEADER = 48;
const LOGIN = 0x43;
const OPCODES = [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x1c, 0x20, 0x25, 0x3f, 0x40, 0x41, 0x43, 0x7f];
const MOST_CONNECTIONS = 12;

function login(array: string, targetName: string): Uint8Array {
  const keys = [`InitiatorName=iqn.2026-11.io.cdctl:stranger`, `TargetName=${targetName}`, 'SessionType=Normal'];
  const text = Buffer.from([...keys, `InitiatorAlias=${array}`].map((key) => `${key}\0`).join(''));
  const bytes = new Uint8Array(HEADER + Math.ceil(text.length / 4) * 4);
  bytes.set([LOGIN, 0x87, 0, 0, 0, 0, 0, text.length]);
  bytes.set([0x80, 0, 0, 0, 0, 7], 8);
  bytes.set(text, HEADER);
  return bytes;
}

function pdu(draws: Draws): Uint8Array {
  const bytes = draws.random.bytes(HEADER + draws.pick([0, 0, 4, 64]));
  bytes[0] = draws.pick(OPCODES);
  // Lengths that fit now and then; a LUN that there is not.
  if (draws.chance(0.7)) bytes.set([0, 0, 0, bytes.length - HEADER], 4);
  bytes[8] = 0xc0;
  return bytes;
}

function mess(draws: Draws, parts: readonly Uint8Array[]): Uint8Array[] {
  const kind = draws.random.below(5);
  const [whole] = parts as [Uint8Array];
  if (kind === 0) return [draws.random.bytes(draws.between(1, 600))];
  if (kind === 1) return [whole.subarray(0, draws.between(1, whole.length - 1))];
  if (kind === 2) {
    const damaged = whole.slice();
    for (let times = draws.between(1, 4); times > 0; times -= 1)
      damaged[draws.random.below(damaged.length)] = draws.random.below(256);
    return [damaged];
  }
  return [whole, ...Array.from({ length: draws.between(1, 5) }, () => pdu(draws))];
}

export async function garble(stranger: {
  readonly world: World;
  readonly draws: Draws;
  readonly life: Life;
  readonly array: ArrayParty;
}): Promise<void> {
  const { world, draws, life, array } = stranger;
  const connections = draws.chance(0.2) ? MOST_CONNECTIONS : 1;
  for (let number = 0; number < connections; number += 1) {
    const connection = await world.access.connect(array, life).catch(() => undefined);
    if (!connection) return;
    connection.handlers = { data: () => undefined, drained: () => undefined, closed: () => undefined };
    connection.send(mess(draws, [login(array.name, world.access.targetName(array))]));
    globalThis.cdctlProbe?.('a stranger sends what is no PDU');
  }
  await sleep(world.scheduler, life, draws.latency(50));
}
