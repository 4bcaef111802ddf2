import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

const TARGET_ID = '1';
const START_TRIES = 200;
const PAUSE_MS = 50;

/** tgtd, the user space target of Linux (Debian: tgt; needs root), on a port and a control socket of its own. */
export class Tgt {
  readonly port: number;
  readonly targetName = 'iqn.2026-11.example:tgt';
  private readonly control: string;
  private daemon: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    // tgtd takes numbers below 32,768 for its control socket.
    this.control = String(port % 32_768);
  }

  static async start(): Promise<Tgt> {
    const tgt = new Tgt(await freePort());
    await tgt.run();
    return tgt;
  }

  get portal(): string {
    return `127.0.0.1:${this.port}`;
  }

  url(lun: number, user?: string): string {
    return `iscsi://${user === undefined ? '' : `${user}@`}${this.portal}/${this.targetName}/${lun}`;
  }

  /** Starts the daemon without any LUN; again after `kill`. */
  async run(): Promise<void> {
    const { control, portal } = this;
    const daemon = spawn('tgtd', ['-f', '-C', control, '--iscsi', `portal=${portal}`], { stdio: 'ignore' });
    this.daemon = daemon;
    await this.untilItAnswers(daemon);
    this.admin('--mode', 'target', '--op', 'new', '--tid', TARGET_ID, '-T', this.targetName);
    this.admin('--mode', 'target', '--op', 'bind', '--tid', TARGET_ID, '-I', 'ALL');
  }

  /** tgtadm for the target driver iscsi; what it prints. */
  admin(...argv: readonly string[]): string {
    return execFileSync('tgtadm', ['-C', this.control, '--lld', 'iscsi', ...argv], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** `parameters` as tgtadm spells them: "readonly=1,thin_provisioning=1". */
  addLun(lun: number, image: string, parameters?: string): void {
    const which = ['--mode', 'logicalunit', '--tid', TARGET_ID, '--lun', String(lun)];
    this.admin(...which, '--op', 'new', '-b', image);
    if (parameters !== undefined) this.admin(...which, '--op', 'update', '--params', parameters);
  }

  /** Operational values for the sessions that begin from now on. */
  negotiate(values: Readonly<Record<string, string | number>>): void {
    for (const [name, value] of Object.entries(values)) {
      const pair = ['--name', name, '--value', String(value)];
      this.admin('--mode', 'target', '--op', 'update', '--tid', TARGET_ID, ...pair);
    }
  }

  /** A CHAP account; `of` says where it is asked for: by the target or its discovery sessions. */
  account(name: string, secret: string, of: 'target' | 'discovery', outgoing = false): void {
    this.admin('--mode', 'account', '--op', 'new', '--user', name, '--password', secret);
    const where = of === 'target' ? ['--tid', TARGET_ID] : [];
    this.admin('--mode', 'account', '--op', 'bind', ...where, '--user', name, ...(outgoing ? ['--outgoing'] : []));
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.daemon?.kill(name);
  }

  /** It ignores SIGTERM while it has a target. */
  async kill(): Promise<void> {
    const daemon = this.daemon;
    this.daemon = undefined;
    if (daemon && daemon.exitCode === null && daemon.signalCode === null) {
      daemon.kill('SIGKILL');
      await once(daemon, 'exit');
    }
    for (const suffix of ['', '.lock']) rmSync(`/var/run/tgtd/socket.${this.control}${suffix}`, { force: true });
  }

  private async untilItAnswers(daemon: ChildProcess): Promise<void> {
    for (let attempt = 0; attempt < START_TRIES; attempt += 1) {
      if (daemon.exitCode !== null) throw new Error(`tgtd ended with ${daemon.exitCode}`);
      try {
        this.admin('--mode', 'target', '--op', 'show');
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
    throw new Error('tgtd does not answer');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
