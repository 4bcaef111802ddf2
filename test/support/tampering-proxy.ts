import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** One PDU of a session without digests, as it came. */
export interface RawPdu {
  /** 48 bytes; may be changed. */
  readonly header: Buffer;
  /** Without padding. */
  readonly data: Buffer;
  readonly opcode: number;
}

/** What is sent in place of a PDU of the target: chunks, nothing, or the end of the connection. */
export type Tampered = readonly Uint8Array[] | 'end' | 'reset';

export interface TamperingProxy {
  readonly port: number;
  /** Connections that were made so far. */
  readonly connections: number;
  /** Asked for every PDU of the target; undefined: everything passes. Set by tests. */
  tamper: ((pdu: RawPdu) => Tampered) | undefined;
  close(): Promise<void>;
}

/** Stands between an initiator and an honest target and makes a dishonest one of it. */
export async function createTamperingProxy(targetPort: number): Promise<TamperingProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer({ noDelay: true }, (near) => {
    proxy.connections += 1;
    const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
    keep(near);
    keep(far);
    near.pipe(far);
    near.on('close', () => far.destroy());
    far.on('close', () => near.end());
    cutIntoPdus(far, (pdu) => {
      const out = proxy.tamper?.(pdu) ?? [encode(pdu)];
      if (out === 'end') near.end();
      else if (out === 'reset') near.resetAndDestroy();
      else for (const chunk of out) near.write(chunk);
    });
  });
  const proxy = {
    port: 0,
    connections: 0,
    tamper: undefined as TamperingProxy['tamper'],
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}

/** The PDU as it stands, with the length of its data and padding. */
export function encode({ header, data }: Pick<RawPdu, 'header' | 'data'>): Buffer {
  const bytes = Buffer.alloc(48 + Math.ceil(data.length / 4) * 4);
  header.copy(bytes);
  bytes.writeUIntBE(data.length, 5, 3);
  data.copy(bytes, 48);
  return bytes;
}

function cutIntoPdus(socket: Socket, take: (pdu: RawPdu) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < 48) return;
      const dataLength = rest.readUIntBE(5, 3);
      const end = 48 + Math.ceil(dataLength / 4) * 4;
      if (rest.length < end) return;
      const bytes = Buffer.from(rest.subarray(0, end));
      rest = rest.subarray(end);
      take({ header: bytes.subarray(0, 48), data: bytes.subarray(48, 48 + dataLength), opcode: bytes[0]! & 0x3f });
    }
  });
}
