import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
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

  it('is known again where it leads back, after any number of arrays, by the array that it went out from', async () => {
    const portOf = (array: string, nexus: string) => `iqn.2026-11.io.cdctl:${array}.remote,i,0x${toHex(isidOf(nexus))}`;
    for (let others = 1; others < 14; others += 1) {
      const ports = new HostPorts();
      await ports.take(NEXUS, 'NEXT');
      let nexus = portOf('here', NEXUS);
      for (let other = 1; other <= others; other += 1) {
        expect(await verdictOf(new HostPorts().take(nexus, 'NEXT')), 'at an array that it comes to first').toBe(
          'taken',
        );
        nexus = portOf(`other-${other}`, nexus);
      }
      expect(await verdictOf(ports.take(nexus, 'NEXT')), `${others} others`).toBe('4/44/0');
      expect(await verdictOf(ports.take(portOf('other-1', `${NEXUS}1`), 'NEXT')), 'of another host').toBe('taken');
    }
  });

  it('is had by hosts that are named and numbered like arrays', async () => {
    for (let isid = 0x800000000001; isid < 0x800000000041; isid += 1) {
      const ports = new HostPorts();
      for (const name of ['one', 'two']) {
        for (const session of [0, 1, 2, 3, 0x1000000]) {
          const nexus = `iqn.2026-11.example:${name}.remote,i,0x${(isid + session).toString(16)}`;
          expect(await verdictOf(ports.take(nexus, 'OSAKA')), nexus).toBe('taken');
        }
      }
    }
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
