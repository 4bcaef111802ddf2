import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { ended, program, start, temporaryDirectory, type Ended } from '../../cli/support/run-program.ts';
import { attach, iscsiDriver, run, type LoopDevice, type LoopOptions, type RawDevice } from './raw-device.ts';

export type Site = 'tokyo' | 'osaka';
export type Json = Record<string, unknown>;

interface LabArray {
  readonly name: Site;
  readonly port: number;
  readonly targetName: string;
  readonly pid?: number;
}

export interface Service {
  /** As the end of its terminal would: it finishes its cycle. Resolves when it has ended. */
  stop(): Promise<Ended>;
  kill(): Promise<Ended>;
  /** Resolves once it has printed so many more lines. */
  lines(more: number): Promise<void>;
}

/** The environment of a host's commands. */
export type RawHost = Readonly<Record<'CDCTL_CONFIG', string>>;

export interface UpOptions {
  readonly directory?: string;
  readonly blockSize?: 512 | 4096;
}

/** A lab of two array processes whose LUNs become block devices of this machine. All of it ends with `end`. */
export class RawLab {
  readonly #place = temporaryDirectory();
  readonly #devices: RawDevice[] = [];
  readonly #services = new Set<Service>();
  #lab = join(this.#place.path, 'lab');
  #arrays: readonly LabArray[] = [];

  /** Where files of a test may lie; gone at the end. */
  get directory(): string {
    return this.#place.path;
  }

  /** The arrays keep what they keep in `directory`: in a file system of a test's own, for instance. */
  async up(volumeSize: string, journalSize: string, more: UpOptions = {}): Promise<void> {
    const { directory = this.#lab, blockSize = 512 } = more;
    this.#lab = directory;
    const sizes = ['--volume-size', volumeSize, '--journal-size', journalSize];
    await this.#call('up', ...sizes, '--block-size', String(blockSize));
  }

  /** A command of the host at that site, which must succeed. */
  async cdctl(argv: readonly string[], host: Site | RawHost = 'tokyo'): Promise<string> {
    const { code, stdout, stderr } = await program(argv, this.#host(host));
    expect(code, `cdctl ${argv.join(' ')}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  }

  async json(argv: readonly string[], host: Site | RawHost = 'tokyo'): Promise<Json> {
    return JSON.parse((await this.cdctl([...argv, '--json'], host)).trim().split('\n').at(-1)!) as Json;
  }

  /** The host at that site as one that reaches its array and, through it, the other by block devices only. */
  rawHost(site: Site, own: LoopDevice, other: LoopDevice): RawHost {
    const file = join(this.directory, `raw-${site}.yaml`);
    // The site's own array stands first.
    const devices = [own, other];
    const lines = fs.readFileSync(this.#host(site).CDCTL_CONFIG, 'utf8').split('\n');
    const replaced = lines
      .filter((line) => !line.includes('portal:'))
      .map((line) => (/^ +- iscsi:/.test(line) ? `      - ${devices.shift()!.device}` : line));
    fs.writeFileSync(file, replaced.join('\n'));
    return { CDCTL_CONFIG: file };
  }

  /** A command that runs until it is told to stop. */
  serve(argv: readonly string[], site: Site = 'tokyo'): Service {
    const child = start(argv, this.#host(site));
    const end = ended(child);
    const output = createInterface(child.stdout!);
    const finish = (signal: NodeJS.Signals): Promise<Ended> => {
      this.#services.delete(service);
      child.kill(signal);
      return end;
    };
    const lines = async (more: number): Promise<void> => {
      const early = end.then(({ stdout, stderr }) =>
        Promise.reject(new Error(`${argv.join(' ')}: ${stdout}${stderr}`)),
      );
      for (let count = 0; count < more; count += 1) await Promise.race([once(output, 'line'), early]);
    };
    const service: Service = { stop: () => finish('SIGTERM'), kill: () => finish('SIGKILL'), lines };
    this.#services.add(service);
    return service;
  }

  /** `iscsi://...` of a LUN. */
  url(site: Site, lun: number): string {
    const { port, targetName } = this.#array(site);
    return `iscsi://127.0.0.1:${port}/${targetName}/${lun}`;
  }

  async attach(site: Site, lun: number, options?: LoopOptions): Promise<RawDevice> {
    const { port, targetName } = this.#array(site);
    const name = `${site}-${lun}-${this.#devices.length}`;
    const device = await attach(this.directory, name, iscsiDriver(port, targetName, lun), options);
    this.#devices.push(device);
    return device;
  }

  kill(site: Site): void {
    process.kill(this.#array(site).pid!, 'SIGKILL');
    this.#arrays = this.#arrays.map(({ pid, ...array }) =>
      array.name === site || pid === undefined ? array : { ...array, pid },
    );
  }

  async startAgain(site: Site): Promise<void> {
    await this.#call('fault', 'start', site);
  }

  /** No way between the arrays, in either direction. */
  async cut(): Promise<void> {
    await this.#call('fault', 'link-down', 'tokyo');
    await this.#call('fault', 'link-down', 'osaka');
  }

  /** Everything runs and is connected again. */
  async restore(): Promise<void> {
    for (const { name, pid } of this.#arrays) {
      if (pid === undefined) await this.startAgain(name);
      await this.#call('fault', 'link-up', name);
    }
  }

  async killServices(): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.kill()));
  }

  /** Stops the arrays; their files stay. */
  async down(): Promise<void> {
    const { code, stderr } = await program(['lab', 'down', '--keep', '--directory', this.#lab]);
    expect(code, stderr).toBe(0);
    this.#arrays = [];
  }

  /** Ends everything, also after a failure. Returns what is still there. */
  async end(): Promise<string[]> {
    const services = await Promise.allSettled([...this.#services].map((service) => service.stop()));
    for (const device of this.#devices.toReversed()) await device.remove();
    const down = await program(['lab', 'down', '--directory', this.#lab]);
    const loops = run('losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE').split('\n');
    const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const left = [...loops, ...mounts].filter((line) => line.includes(this.directory));
    this.#place.remove();
    if (down.code !== 0 && this.#arrays.length > 0) left.push(`lab down: ${down.stderr}`);
    return [...left, ...services.flatMap(unsound)];
  }

  #host(host: Site | RawHost): RawHost {
    return typeof host === 'string' ? { CDCTL_CONFIG: join(this.#lab, `${host}.yaml`) } : host;
  }

  async #call(...argv: string[]): Promise<void> {
    const answer = await program(['lab', ...argv, '--directory', this.#lab, '--json']);
    if (answer.code !== 0) throw new Error(`cdctl lab ${argv.join(' ')}: ${answer.stdout}${answer.stderr}`);
    this.#arrays = (JSON.parse(answer.stdout) as { lab: { arrays: LabArray[] } }).lab.arrays;
  }

  #array(site: Site): LabArray {
    return this.#arrays.find(({ name }) => name === site)!;
  }
}

function unsound(end: PromiseSettledResult<Ended>): string[] {
  if (end.status === 'rejected') return [String(end.reason)];
  const { code, stdout, stderr } = end.value;
  return code === 0 ? [] : [`a service ended with ${code}: ${stdout}${stderr}`];
}
