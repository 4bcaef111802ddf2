import { describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/commands/array-serve.ts';
import type { CommandContext, CommandEvent } from '../../../src/cli/context.ts';
import { renderEvent } from '../../../src/cli/render/array-serve.ts';
import { createView } from '../../../src/cli/render/view.ts';
import type { ServeHooks } from '../../../src/cli/services.ts';
import { checkRedirect, judgeRedirect } from '../../../src/cli/wiring/redirect-loop.ts';

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
    ['0.0.0.0:3260', '127.0.0.1', 'nowhere'],
    ['0.0.0.0:3261', '192.0.2.7', 'nowhere'],
    ['0.0.0.0:3260', '0.0.0.0', 'nowhere'],
    ['[::]:3260', '::1', 'nowhere'],
    ['[0:0:0:0:0:0:0:0]:3260', '127.0.0.1', 'nowhere'],
    ['[::ffff:0.0.0.0]:3260', '127.0.0.1', 'nowhere'],
    ['[::1]:3261', '127.0.0.1', 'elsewhere'],
    ['10.0.0.0:3260', '127.0.0.1', 'elsewhere'],
  ] as const)('%s of a portal at %s: %s', (redirectTo, host, verdict) => {
    expect(judgeRedirect(redirectTo, { host, port: 3260 }, ['127.0.0.1', '192.0.2.9'])).toBe(verdict);
  });
});

describe('a warning of an array that is served', () => {
  it('is there for a name that only a name server knows', () => {
    const warning = checkRedirect('storage.example:3260', { host: '192.0.2.7', port: 3260 });
    expect(warning).toMatch(/sent to storage\.example:3260: if that is this portal/);
    expect(checkRedirect('storage.example:3261', { host: '192.0.2.7', port: 3260 })).toBeUndefined();
  });

  it('comes once on standard error, and as an event', async () => {
    const [notices, events]: [string[], CommandEvent[]] = [[], []];
    const arrays = async () => ({
      serve: async (_directory: string, _listen: object, hooks: ServeHooks) => hooks.warn('mind the name'),
    });
    const context = {
      services: { arrays },
      stop: new AbortController().signal,
      notice: (text: string) => notices.push(text),
      emit: (event: CommandEvent) => events.push(event),
    } as unknown as CommandContext;
    await run({ directory: 'kyoto' }, context);
    expect(notices).toEqual(['warning: mind the name']);
    expect(events).toEqual([{ event: 'array', from: 'portal', text: 'mind the name' }]);
    const view = createView({ isTTY: false, columns: 0 }, {}, 'never');
    expect(events.map((event) => renderEvent(event, view))).toEqual([undefined]);
  });
});
