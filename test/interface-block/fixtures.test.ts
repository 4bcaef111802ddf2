import { describe, expect, it } from 'vitest';
import { readU32 } from '../../src/base/bytes.ts';
import { decodeRequestPart, decodeSlot } from '../../src/interface-block/block.ts';
import { decodeChallenge } from '../../src/interface-block/challenge.ts';
import { decodeLabel } from '../../src/interface-block/label.ts';
import { readFixture, readText, renewing, writeFixture } from '../support/fixture.ts';
import { toXxd } from '../support/xxd.ts';
import { GOLDEN } from './golden.ts';

const fileOf = (name: string): string => `interface-block/${name}.hex`;

/** Whichever decoder these bytes are for. */
function decode(name: string, bytes: Uint8Array): { ok: boolean } {
  if (name === 'label') return decodeLabel(bytes);
  if (name === 'challenge') return decodeChallenge(bytes);
  return name.endsWith('-request') ? decodeRequestPart(bytes) : decodeSlot(bytes);
}

/** Only their first 512 bytes are used. */
const isHead = (name: string): boolean => name === 'label' || name === 'challenge';

describe.each(GOLDEN)('fixture $name', ({ name, slow, encoded }) => {
  if (renewing) writeFixture(fileOf(name), slow());
  const fixture = readFixture(fileOf(name));

  it('is what the slow builder makes', () => {
    expect(readText(`fixtures/${fileOf(name)}`)).toBe(toXxd(slow()));
  });

  it('is what the encoder makes', () => {
    expect(toXxd(encoded())).toBe(toXxd(fixture));
  });

  it('is sound', () => {
    expect(decode(name, fixture)).toMatchObject({ ok: true });
  });

  it('is found out with any single bit flipped in what is checked', () => {
    const flipped = fixture.slice();
    const checked = isHead(name) ? 512 : fixture.length;
    const unnoticed: string[] = [];
    for (let at = 0; at < checked; at++) {
      const bits = at < 256 || at < 256 + readU32(fixture, 64) ? [1, 2, 4, 8, 16, 32, 64, 128] : [1 << (at % 8)];
      for (const bit of isHead(name) ? [1, 128] : bits) {
        flipped[at]! ^= bit;
        if (decode(name, flipped).ok) unnoticed.push(`${at}/${bit}`);
        flipped[at]! ^= bit;
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('is found out when cut anywhere', () => {
    const end = isHead(name) ? 512 : fixture.length;
    const unnoticed = Array.from({ length: end }, (_, length) => length).filter(
      (length) => decode(name, fixture.subarray(0, length)).ok,
    );
    expect(unnoticed).toEqual([]);
  });

  it('is found out when only its first blocks of 512 bytes have arrived', () => {
    const end = isHead(name) ? 512 : fixture.length;
    for (let length = 512; length < end; length += 512) {
      const torn = new Uint8Array(fixture.length).fill(0xa5, length);
      torn.set(fixture.subarray(0, length));
      expect(decode(name, torn).ok).toBe(false);
    }
  });
});
