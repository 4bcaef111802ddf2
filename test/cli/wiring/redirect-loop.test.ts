import { describe, expect, it } from 'vitest';
import { judgeRedirect } from '../../../src/cli/wiring/redirect-loop.ts';

describe('where an array sends initiators', () => {
  it.each([
    ['192.0.2.7:3260', '192.0.2.7', 'loop'],
    ['192.0.2.7:3261', '192.0.2.7', 'elsewhere'],
    ['192.0.2.8:3260', '192.0.2.7', 'elsewhere'],
    ['[FE80::1]:3260', 'fe80::1', 'loop'],
    ['localhost:3260', '127.0.0.1', 'loop'],
    ['127.0.0.2:3260', '127.0.0.1', 'elsewhere'],
    ['127.0.0.2:3260', '0.0.0.0', 'loop'],
    ['192.0.2.9:3260', '0.0.0.0', 'loop'],
    ['192.0.2.8:3260', '0.0.0.0', 'elsewhere'],
    ['localhost:3260', '::', 'loop'],
    ['storage.example:3260', 'storage.example', 'loop'],
    ['storage.example:3260', '192.0.2.7', 'unclear'],
    ['192.0.2.7:3260', 'storage.example', 'unclear'],
    ['storage.example:3261', '192.0.2.7', 'elsewhere'],
  ] as const)('%s of a portal at %s: %s', (redirectTo, host, verdict) => {
    expect(judgeRedirect(redirectTo, { host, port: 3260 }, ['127.0.0.1', '192.0.2.9'])).toBe(verdict);
  });
});
