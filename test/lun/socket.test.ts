import { describe, expect, it } from 'vitest';
import type { Connection, Listener } from '../../src/base/transport.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';

interface End {
  readonly connection: Connection;
  readonly received: Buffer[];
  readonly closed: Promise<Error | undefined>;
  until(byteLength: number): Promise<Buffer>;
}

function watch(connection: Connection): End {
  const received: Buffer[] = [];
  let wake = (): void => undefined;
  let tell: (error: Error | undefined) => void;
  const closed = new Promise<Error | undefined>((resolve) => (tell = resolve));
  connection.handlers = {
    data: (bytes) => {
      received.push(Buffer.from(bytes));
      wake();
    },
    drained: () => undefined,
    closed: (error) => tell(error),
  };
  return {
    connection,
    received,
    closed,
    async until(byteLength) {
      while (Buffer.concat(received).length < byteLength) await new Promise<void>((resolve) => (wake = resolve));
      return Buffer.concat(received);
    },
  };
}

async function pair(): Promise<{ near: End; far: End; listener: Listener }> {
  const transport = createTcpTransport();
  let accepted: (end: End) => void;
  const far = new Promise<End>((resolve) => (accepted = resolve));
  const listener = await transport.listen('127.0.0.1', 0, (connection) => accepted(watch(connection)));
  const near = watch(await transport.connect('127.0.0.1', listener.port, { timeoutMs: 5000 }));
  return { near, far: await far, listener };
}

describe('TCP', () => {
  it('carries batches in order and ends in order', async () => {
    const { near, far, listener } = await pair();
    near.connection.send([Buffer.from('one '), Buffer.from('two '), new Uint8Array(200_000)]);
    far.connection.send([Buffer.from('back')]);
    expect((await far.until(200_008)).subarray(0, 8).toString()).toBe('one two ');
    expect((await near.until(4)).toString()).toBe('back');
    expect(near.connection.remoteAddress).toBe(`127.0.0.1:${listener.port}`);
    far.connection.end();
    expect(await near.closed).toBeUndefined();
    expect(await far.closed).toBeUndefined();
    await listener.close();
  });

  it('tells of a full buffer and of room again', async () => {
    const { near, far, listener } = await pair();
    far.connection.pause();
    const drained = new Promise<void>((resolve) => {
      near.connection.handlers = { ...near.connection.handlers, drained: resolve };
    });
    while (near.connection.send([new Uint8Array(1 << 20)])) continue;
    far.connection.resume();
    await drained;
    near.connection.destroy();
    far.connection.destroy();
    await Promise.all([near.closed, far.closed, listener.close()]);
  });

  it('rejects where nobody listens', async () => {
    const transport = createTcpTransport();
    const listener = await transport.listen('127.0.0.1', 0, () => undefined);
    await listener.close();
    await expect(transport.connect('127.0.0.1', listener.port, { timeoutMs: 5000 })).rejects.toThrow('ECONNREFUSED');
  });

  it('survives writing to a peer that is gone', async () => {
    const { near, far, listener } = await pair();
    far.connection.destroy();
    await far.closed;
    near.connection.send([new Uint8Array(100)]);
    await near.closed;
    expect(near.connection.send([new Uint8Array(100)])).toBe(true);
    await listener.close();
  });
});
