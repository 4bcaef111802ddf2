import { describe, expect, it } from 'vitest';
import { HostPorts, isidOf } from '../../../src/array/far/host-ports.ts';
import { ScsiFault } from '../../../src/scsi/fault.ts';

const NEXUS = 'iqn.2026-11.example:host,i,0x800000000001';

async function verdictOf(taken: Promise<unknown>): Promise<string> {
  const error: unknown = await taken.then(
    () => 'taken',
    (reason: unknown) => reason,
  );
  if (typeof error === 'string') return error;
  if (!(error instanceof ScsiFault) || !error.sense) throw error;
  return [error.sense.key, error.sense.asc, error.sense.ascq].map((byte) => byte.toString(16)).join('/');
}

describe('the initiator port of a host', () => {
  it('is the same for ever, of the random kind, and another one for every host', () => {
    // sha256sum of the nexus: its first five bytes, without the last four bits, which count the arrays on the way.
    expect(Buffer.from(isidOf(NEXUS)).toString('hex')).toBe('8022ca007e11');
    expect(isidOf(`${NEXUS}1`)).not.toEqual(isidOf(NEXUS));
  });

  it('counts the arrays that a command has come through, and is not to be had behind too many', async () => {
    const last = (nexus: string) => isidOf(nexus)[5]! & 0x0f;
    expect(last('iqn.2026-11.io.cdctl:tokyo.remote,i,0x801234567890')).toBe(1);
    expect(last('iqn.2026-11.io.cdctl:tokyo.remote,i,0x801234567896')).toBe(7);
    expect(last('iqn.2026-11.example:host,i,0x801234567896'), 'no array').toBe(1);
    const at = (count: number) =>
      new HostPorts().take(`iqn.2026-11.io.cdctl:tokyo.remote,i,0x80123456789${count}`, 'OSAKA');
    expect([await verdictOf(at(3)), await verdictOf(at(4)), await verdictOf(at(9))]).toEqual([
      'taken',
      '4/44/0',
      '4/44/0',
    ]);
  });

  it('is shared by the LUNs of one array, with the portal of the first, until the last lets go', async () => {
    const ports = new HostPorts();
    const first = await ports.take(NEXUS, 'OSAKA');
    first.portal = 'iscsi://a';
    const second = await ports.take(NEXUS, 'OSAKA');
    expect(second.portal).toBe('iscsi://a');
    expect((await ports.take(NEXUS, 'KYOTO')).portal).toBeUndefined();
    first.release();
    first.release();
    expect((await ports.take(NEXUS, 'OSAKA')).portal).toBe('iscsi://a');
  });

  it('waits, after the host was lost, until everything of its last life is closed', async () => {
    const ports = new HostPorts();
    const [one, other] = [await ports.take(NEXUS, 'OSAKA'), await ports.take(NEXUS, 'OSAKA')];
    const events: string[] = [];
    ports.end(NEXUS);
    const next = ports.take(NEXUS, 'OSAKA').then((port) => {
      events.push('taken');
      return port;
    });
    const elsewhere = await ports.take('another host', 'OSAKA');
    one.release();
    await Promise.resolve();
    events.push('last released');
    other.release();
    expect((await next).portal).toBeUndefined();
    expect(events).toEqual(['last released', 'taken']);
    elsewhere.release();
  });
});

describe('hosts at far arrays', () => {
  it('are bounded at each array, and in all', async () => {
    const ports = new HostPorts();
    const taken = await Promise.all(Array.from({ length: 64 }, (_, host) => ports.take(`host ${host}`, 'OSAKA')));
    expect(await verdictOf(ports.take('one too many', 'OSAKA'))).toBe('5/55/3');
    for (const serial of ['KYOTO', 'NARA', 'KOBE']) {
      for (let host = 0; host < 64; host += 1) await ports.take(`host ${host}`, serial);
    }
    expect(await verdictOf(ports.take('host 0', 'SENDAI'))).toBe('5/55/3');
    taken[0]!.release();
    expect(await verdictOf(ports.take('one too many', 'OSAKA'))).toBe('taken');
  });

  it('never share a port, even where their names have the same hash', async () => {
    const sameHash = () => Uint8Array.of(0x80, 1, 2, 3, 4, 5);
    const ports = new HostPorts(sameHash);
    const first = await ports.take('one', 'OSAKA');
    expect(await verdictOf(ports.take('two', 'OSAKA'))).toBe('5/55/3');
    expect(await verdictOf(ports.take('two', 'KYOTO'))).toBe('taken');
    first.release();
    expect(await verdictOf(ports.take('two', 'OSAKA'))).toBe('taken');
  });
});
