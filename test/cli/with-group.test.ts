import { expect, it } from 'vitest';
import { pairNamed } from '../../src/cli/with-group.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';

const group: GroupDefinition = {
  name: 'oradb',
  arrays: ['tokyo', 'osaka'],
  journals: { tokyo: 20, osaka: 20 },
  pairs: [
    { name: 'data', luns: { tokyo: 10, osaka: 30 } },
    { name: '11', luns: { tokyo: 12, osaka: 12 } },
    { name: 'log', luns: { tokyo: 11, osaka: 13 } },
    { name: '14', luns: { tokyo: 14, osaka: 14 } },
  ],
};

it.each([
  ['data', 'data'],
  ['10', 'data'],
  ['30', 'data'],
  ['12', '11'],
  ['14', '14'],
])('the pair %s is %s', (selector, name) => expect(pairNamed(group, selector)).toBe(name));

it('a name that is the LUN of another pair, too, is neither: what is dissolved is not guessed', () => {
  expect(() => pairNamed(group, '11')).toThrow(expect.objectContaining({ exit: 'usage' }));
});

it('a pair that is not there is a wrong usage', () => {
  expect(() => pairNamed(group, 'temp')).toThrow(expect.objectContaining({ exit: 'usage' }));
});
