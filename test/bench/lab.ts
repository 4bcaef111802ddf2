import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';

const run = promisify(execFile);

export interface BenchLab {
  readonly directory: string;
  readonly portals: Readonly<Record<string, string>>;
  cli(...args: string[]): Promise<{ stdout: string }>;
  readonly opener: PathOpener;
  down(): Promise<void>;
}

export function childEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, TZ: 'UTC', LANG: 'C.UTF-8' };
}

/** `cdctl lab up` in two processes of the built CLI, and an initiator of this process. */
export async function upLab(
  root: string,
  directory: string,
  sizes: { volume: string; journal: string },
): Promise<BenchLab> {
  const program = join(root, 'bin/cdctl.mjs');
  const env = { ...childEnvironment(), CDCTL_CONFIG: join(directory, 'tokyo.yaml') };
  const cli = (...args: string[]) => run(process.execPath, [program, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  const up = ['lab', 'up', '--directory', directory, '--volume-size', sizes.volume, '--journal-size', sizes.journal];
  await cli(...up);
  const { stdout } = await cli('lab', 'status', '--directory', directory, '--json');
  const { lab } = JSON.parse(stdout) as { lab: { arrays: Array<{ name: string; port: number; targetName: string }> } };
  const portals = Object.fromEntries(
    lab.arrays.map(({ name, port, targetName }) => [name, `iscsi://127.0.0.1:${port}/${targetName}`]),
  );
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock: createRealClock(),
    random: createRealRandom(),
    initiatorName: 'iqn.2026-11.io.cdctl:bench',
  });
  return {
    directory,
    portals,
    cli,
    opener,
    async down() {
      await opener.close();
      await cli('lab', 'down', '--directory', directory);
    },
  };
}
