import { expect, it } from 'vitest';
import { createQueryReplay, REMEMBERED_QUERIES } from '../../../src/array/access/query-replay.ts';
import { NOTHING } from '../../support/served-array.ts';

it('remembers so many queries and no more, those longest that are asked again', () => {
  const replay = createQueryReplay();
  const asked = (number: number, initiator: string) =>
    replay.refusalOf(
      { origin: { lun: 0, nexus: `${initiator},i,0x00` }, requestId: String(number), keyName: 'runbook' },
      NOTHING,
    ) === undefined;
  for (let number = 0; number < REMEMBERED_QUERIES; number += 1) expect(asked(number, 'a')).toBe(true);
  expect(asked(0, 'b')).toBe(false);
  expect(asked(0, 'a')).toBe(true);
  expect(asked(REMEMBERED_QUERIES, 'a')).toBe(true);
  expect(asked(0, 'b')).toBe(false);
  expect(asked(1, 'b'), 'forgotten').toBe(true);
});
