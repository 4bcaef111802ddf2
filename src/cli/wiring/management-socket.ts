import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { createRealClock } from '../../lun/real-clock.ts';
import type { LunErrorKind } from '../../lun/lun.ts';
import { CliError } from '../cli-error.ts';
import { LUN_ERROR_CLASS } from '../exit-classes.ts';
import type { ManagementRequest } from '../services.ts';

/** The management terminal of a running array: a Unix socket in its directory, one JSON object a line each way. */

const SOCKET_NAME = 'array.sock';
/** sun_path of sockaddr_un has 108 bytes, the last of them zero. */
const PATH_LIMIT = 107;
const LINE_LIMIT = 1024 * 1024;
/** Connections at once; further ones are closed at once, so that no descriptor is missing to a host. */
const MAX_CONNECTIONS = 32;
/** Who asks nothing, or does not take its answer, is let go after so long. */
const IDLE_MS = 60_000;

export type ManagementAnswer =
  /** `note`: what the audit is to say beside the request. */
  | { readonly ok: true; readonly result: Record<string, unknown>; readonly note?: string }
  | { readonly ok: false; readonly message: string; readonly lunError?: LunErrorKind };

export function managementPath(directory: string): string {
  const path = join(directory, SOCKET_NAME);
  if (Buffer.byteLength(path) <= PATH_LIMIT) return path;
  throw new CliError('configuration', {
    what: 'the array cannot be managed in this directory',
    where: path,
    why: `a socket path has at most ${PATH_LIMIT} bytes, this one has ${Buffer.byteLength(path)}`,
    next: 'use a directory with a shorter path',
  });
}

/** `by`: who asks, in the asker's own words. Node tells no credentials of a socket's peer; the directory's owner it is. */
type AnswerRequest = (request: ManagementRequest, by: string) => Promise<ManagementAnswer>;

/** What is not carried out: too late, or no request. `asked` is what can be told of it. */
type RefuseRequest = (asked: { readonly operation: string }, by: string, message: string) => Promise<ManagementAnswer>;

/** The caller holds the lock of the directory, so a socket file that is there belongs to nobody any more. */
export async function openManagementSocket(
  directory: string,
  answer: AnswerRequest,
  clock: Clock = createRealClock(),
  refuse: RefuseRequest = (_asked, _by, message) => Promise.resolve({ ok: false, message }),
): Promise<{ path: string; close(): Promise<void> }> {
  const path = managementPath(directory);
  await chmod(dirname(path), 0o700);
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let asked = 0;
    let working = false;
    socket.setTimeout(IDLE_MS, () => !working && socket.destroy());
    let answered = Promise.resolve();
    eachLine(socket, (line) => {
      asked += 1;
      // Nothing more is read before this is answered and the answer taken: what waits is what one chunk held.
      socket.pause();
      answered = answered.then(async () => {
        working = true;
        const text = await answerLine(line, { clock, answer, refuse });
        working = false;
        await sent(socket, text);
        asked -= 1;
        if (asked === 0) socket.resume();
      });
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, path);
  return {
    path,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Resolves when the peer has taken it, or is gone. */
function sent(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve) => {
    socket.write(text, () => resolve());
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}

/** An array that was held up for a while must not do what nobody waits for any more. */
async function answerLine(
  line: string,
  { clock, answer, refuse }: { clock: Clock; answer: AnswerRequest; refuse: RefuseRequest },
): Promise<string> {
  try {
    const { request, by, notAfterMs } = parseLine(line);
    if (!request) return `${JSON.stringify(await refuse({ operation: 'unknown' }, by, 'this is no request'))}\n`;
    const late = clock.wallMs() > notAfterMs;
    const answered = late ? refuse(request, by, 'the request came too late') : answer(request, by);
    return `${JSON.stringify(await answered)}\n`;
  } catch (error) {
    return `${JSON.stringify({ ok: false, message: error instanceof Error ? error.message : String(error) })}\n`;
  }
}

function parseLine(line: string): { request: ManagementRequest | undefined; by: string; notAfterMs: number } {
  const { notAfterMs, by, ...request } = fieldsOf(line);
  return {
    request: typeof request['operation'] === 'string' ? (request as ManagementRequest) : undefined,
    by: typeof by === 'string' ? by : '',
    notAfterMs: typeof notAfterMs === 'number' ? notAfterMs : Infinity,
  };
}

function fieldsOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function eachLine(socket: Socket, callback: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    rest += chunk;
    if (rest.length > LINE_LIMIT) return void socket.destroy();
    const lines = rest.split('\n');
    rest = lines.pop()!;
    for (const line of lines) callback(line);
  });
}

/** Asks a running array; `no-path` where none runs in the directory. */
export async function askManagement(
  directory: string,
  request: ManagementRequest,
  timeoutMs: number,
  clock: Clock = createRealClock(),
): Promise<Record<string, unknown>> {
  const by = `pid ${process.pid}, uid ${process.getuid?.() ?? 'unknown'}`;
  const line = JSON.stringify({ ...request, by, notAfterMs: clock.wallMs() + timeoutMs });
  const late = request.operation === 'show' ? 'timeout' : 'outcome-unknown';
  const answer = await exchange(managementPath(directory), line, { timeoutMs, directory, late });
  if (answer.ok) return answer.result;
  if (answer.lunError && LUN_ERROR_CLASS[answer.lunError]) {
    throw new CliError(LUN_ERROR_CLASS[answer.lunError], {
      what: `the array cannot use the LUN that it was given (${answer.lunError}): ${request.operation}`,
      where: directory,
      why: answer.message,
      next: 'correct the path, or see to it that the array can use the LUN, then run it again; cdctl lun show tells more of it',
    });
  }
  throw new CliError('refused', {
    what: `the array refused: ${request.operation}`,
    where: directory,
    why: answer.message,
    next: `see what it has: cdctl array show ${directory}`,
  });
}

function exchange(
  path: string,
  line: string,
  { timeoutMs, directory, late }: { timeoutMs: number; directory: string; late: 'timeout' | 'outcome-unknown' },
): Promise<ManagementAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let sent = false;
    // What it was sent it may have done before it ended.
    const gone = (why: string): CliError =>
      sent && late === 'outcome-unknown'
        ? unanswered(late, path, why, `serve it again (cdctl array serve ${directory}), then run it again`)
        : notRunning(path, why, directory);
    socket.setTimeout(timeoutMs, () => {
      reject(
        unanswered(
          late,
          path,
          `no answer within ${timeoutMs} ms`,
          'see whether it is paused (cdctl lab status), then run it again',
        ),
      );
      socket.destroy();
    });
    socket.on('error', (error) => reject(gone(error.message)));
    socket.on('close', () => reject(gone('it closed the connection')));
    eachLine(socket, (line) => {
      resolve(JSON.parse(line) as ManagementAnswer);
      socket.destroy();
    });
    socket.on('connect', () => {
      sent = true;
      socket.write(`${line}\n`);
    });
  });
}

function notRunning(path: string, why: string, directory: string): CliError {
  return unanswered('no-path', path, why, `start it: cdctl array serve ${directory}`);
}

function unanswered(
  exit: 'no-path' | 'timeout' | 'outcome-unknown',
  where: string,
  why: string,
  next: string,
): CliError {
  return new CliError(exit, { what: 'the array does not run, or does not answer', where, why, next });
}
