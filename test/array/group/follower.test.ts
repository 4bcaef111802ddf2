import { describe, expect, it } from 'vitest';
import { checkHeader } from '../../../src/array/group/follower.ts';
import { HEADER_BLOCKS } from '../../../src/array/journal/geometry.ts';
import { pairRequest } from '../../support/array-pair.ts';
import { formPair, inWorld } from '../review/world.ts';

describe("a journal of another array that serves another group than this one's", () => {
  it('is named with that group only to those who may be told of it', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      const header = await world.tokyo.array().units.unit(20)!.read(0, HEADER_BLOCKS);
      const group = { name: 'payroll', peerSerial: 'TK000001', peerJournalLun: 20 };
      const check = (...mayName: [] | [(group: string) => boolean]) =>
        checkHeader(header, 'OS000001', group, ...mayName);
      expect(check).toThrow(/serves another group with array OS000001, not group payroll/);
      expect(() => check((name) => name === 'payroll')).toThrow(/serves another group with/);
      expect(() => check((name) => name === 'oradb')).toThrow(/serves group oradb with array OS000001/);
      const asked = { ...pairRequest('auxiliary', 'log'), group: 'payroll', auxiliaryJournalLun: 40 };
      await world.osaka.operations.deletePair('oradb', 'data');
      await expect(world.osaka.operations.createPair(asked)).rejects.toThrow(/serves group oradb with array OS000001/);
    }));
});
