import { expect, it } from 'vitest';
import {
  BLOCKS_OF_A_CHALLENGE,
  CHALLENGE_MS,
  createSignatureFreshness,
} from '../../../src/array/access/signature-freshness.ts';
import { decodeRefusal } from '../../../src/interface-block/message.ts';
import { statusName } from '../../../src/interface-block/status.ts';
import { signRequestPart } from '../../../src/interface-block/signature.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { blockOf } from '../../support/written-blocks.ts';

const KEY = { name: 'runbook', key: new Uint8Array(32).fill(7) };
let nonces = 0;

function signed(challenge: string | undefined): Uint8Array {
  const block = blockOf('array.show', {}, { requestId: 'ab'.repeat(16), arraySerial: 'TOKYO' });
  nonces += 1;
  const nonce = nonces.toString(16).padStart(16, '0');
  signRequestPart(block, KEY, challenge === undefined ? undefined : { challenge, nonce });
  return block;
}

function set() {
  const clock = createFakeClock();
  const freshness = createSignatureFreshness({ clock, random: createRealRandom() });
  const verdict = (block: Uint8Array): string => {
    const refused = freshness.refusalOf(block);
    return refused ? `${statusName(refused.status)}: ${decodeRefusal(refused.editedData)}` : 'taken';
  };
  return { clock, freshness, verdict };
}

it('takes each signature once, however many there are, and forgets none that would still hold', () => {
  const { freshness, verdict } = set();
  const heard: Uint8Array[] = [];
  for (let number = 0; number < 3 * BLOCKS_OF_A_CHALLENGE; number += 1) {
    const block = signed(freshness.challenge());
    if (number % 97 === 0) heard.push(block);
    expect(verdict(block)).toBe('taken');
  }
  for (const block of heard)
    expect(verdict(block)).toMatch(/^stale-signature: (?:the challenge .* is over|.* was used before)/);
});

it('lets a challenge hold for a while after the next one is shown, by number and by time', async () => {
  const { clock, freshness, verdict } = set();
  const first = freshness.challenge();
  for (let number = 0; number < BLOCKS_OF_A_CHALLENGE; number += 1) verdict(signed(first));
  expect(freshness.challenge()).not.toBe(first);
  expect(verdict(signed(first)), 'read before it gave way').toBe('taken');
  for (let number = 1; number < BLOCKS_OF_A_CHALLENGE; number += 1) expect(verdict(signed(first))).toBe('taken');
  expect(verdict(signed(first)), 'no longer remembered one by one').toMatch(/is over/);
  const second = freshness.challenge();
  await clock.advance(CHALLENGE_MS);
  expect(freshness.challenge()).not.toBe(second);
  expect(verdict(signed(second))).toBe('taken');
  expect(verdict(signed(first))).toMatch(/is over/);
  await clock.advance(CHALLENGE_MS);
  expect(verdict(signed(second)), 'twice its time').toMatch(/is over/);
});

it('lets nothing of before a long silence hold', async () => {
  const { clock, freshness, verdict } = set();
  const kept = signed(freshness.challenge());
  await clock.advance(2 * CHALLENGE_MS);
  expect(verdict(kept)).toMatch(/is over/);
});

it('takes no signature that answers nothing, nor that of another life', () => {
  const [life, next] = [set(), set()];
  expect(life.verdict(signed(undefined))).toMatch(/^not-authenticated: .*answers no challenge/);
  const block = signed(life.freshness.challenge());
  expect(next.verdict(block)).toMatch(/is over/);
  expect(life.verdict(block)).toBe('taken');
});
