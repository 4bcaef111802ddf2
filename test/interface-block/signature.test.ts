import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeRequestPart, encodeRequestPart } from '../../src/interface-block/block.ts';
import { signatureNameOf, signatureOf, signRequestPart, verifySignature } from '../../src/interface-block/signature.ts';

const KEY = new TextEncoder().encode('a key of thirty-two bytes or more');
const REQUEST = {
  process: 0x20,
  editedDataWanted: true,
  requestId: '5f0c1d9e8b7a46352413f0e1d2c3b4a5',
  arraySerial: 'TOKYO',
  admissionNumber: 1234,
  page: 0,
  host: 'db1.example.com',
  input: new Uint8Array(32).fill(0x61, 0, 5),
};

const FRESH = { challenge: '0f1e2d3c4b5a69788796a5b4c3d2e1f0', nonce: '0123456789abcdef' };

function signed(): Uint8Array {
  const block = encodeRequestPart(REQUEST);
  signRequestPart(block, { name: 'runbook', key: KEY }, FRESH);
  return block;
}

describe('a signed request part', () => {
  it('is the same request, and bears the name of its key', () => {
    expect(decodeRequestPart(signed())).toEqual({ ok: true, value: REQUEST });
    expect(signatureNameOf(signed())).toBe('runbook');
    expect(signatureOf(signed()).challenge).toBe(FRESH.challenge);
    expect(verifySignature(signed(), KEY)).toBe(true);
  });

  it('bears the HMAC that the document says, made here by hand', () => {
    const block = Buffer.from(signed());
    const mac = block.subarray(188, 220).toString('hex');
    block.fill(0, 188, 220).fill(0, 252, 256);
    expect(mac).toBe(createHmac('sha256', KEY).update(block).digest('hex'));
  });

  it('does not check with another key, nor with any of its bytes changed', () => {
    expect(verifySignature(signed(), new TextEncoder().encode('a key of thirty-two bytes or less'))).toBe(false);
    const block = signed();
    for (let at = 0; at < block.length; at++) {
      const inCrc = at >= 252 && at < 256;
      block[at]! ^= 0x01;
      if (verifySignature(block, KEY) !== inCrc) expect.fail(`byte ${at}`);
      block[at]! ^= 0x01;
    }
  });

  it('is unsigned where name and HMAC are zeros, and only there', () => {
    expect(signatureNameOf(encodeRequestPart(REQUEST))).toBeUndefined();
    const nameless = signed();
    nameless.fill(0, 156, 188);
    expect(signatureNameOf(nameless)).toBe('');
  });

  it('bears another HMAC with another nonce', () => {
    const again = signed();
    signRequestPart(again, { name: 'runbook', key: KEY }, { ...FRESH, nonce: '0123456789abcdee' });
    expect(decodeRequestPart(again)).toEqual({ ok: true, value: REQUEST });
    expect(signatureOf(again).mac).not.toBe(signatureOf(signed()).mac);
  });

  it.each(['', 'x'.repeat(33)])('cannot be signed with a key named %j', (name) => {
    expect(() => signRequestPart(encodeRequestPart(REQUEST), { name, key: KEY })).toThrow(RangeError);
  });
});
