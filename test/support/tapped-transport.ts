import { readPdus, type SeenPdu } from '../iscsi/slow-pdu.ts';
import type { Connection, ConnectionHandlers, Transport } from '../../src/base/transport.ts';

/** What went over one connection, from the side that connected. */
export interface Tap {
  readonly sent: Uint8Array[];
  readonly received: Uint8Array[];
}

/** The PDUs of the full feature phase; digests begin with the first one after the login. */
export function wireOf(
  tap: Tap,
  digests: { header: boolean; data: boolean },
): { sent: SeenPdu[]; received: SeenPdu[] } {
  return {
    sent: readPdus(afterLogin(Buffer.concat(tap.sent), 0x03), digests),
    received: readPdus(afterLogin(Buffer.concat(tap.received), 0x23), digests),
  };
}

function afterLogin(stream: Buffer, opcode: number): Buffer {
  let at = 0;
  while ((stream[at]! & 0x3f) === opcode) at += 48 + Math.ceil(stream.readUIntBE(at + 5, 3) / 4) * 4;
  return stream.subarray(at);
}

/** A transport that keeps a copy of everything its `connect`ing side sends and gets. */
export function tapTransport(transport: Transport): { readonly transport: Transport; readonly taps: readonly Tap[] } {
  const taps: Tap[] = [];
  const connect: Transport['connect'] = async (host, port, options) => {
    const tap: Tap = { sent: [], received: [] };
    taps.push(tap);
    return tapConnection(await transport.connect(host, port, options), tap);
  };
  return { transport: { ...transport, connect }, taps };
}

function tapConnection(connection: Connection, tap: Tap): Connection {
  let handlers = connection.handlers;
  return {
    localAddress: connection.localAddress,
    remoteAddress: connection.remoteAddress,
    get handlers(): ConnectionHandlers {
      return handlers;
    },
    set handlers(given) {
      handlers = given;
      connection.handlers = {
        data: (bytes) => {
          tap.received.push(Uint8Array.from(bytes));
          given.data(bytes);
        },
        drained: () => given.drained(),
        closed: (error) => given.closed(error),
      };
    },
    send: (chunks) => {
      for (const chunk of chunks) tap.sent.push(Uint8Array.from(chunk));
      return connection.send(chunks);
    },
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    end: () => connection.end(),
    destroy: () => connection.destroy(),
  };
}
