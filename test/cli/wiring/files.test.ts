import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LONGEST_UNMEASURED, readToEnd } from '../../../src/cli/bounded-input.ts';
import { realFiles } from '../../../src/cli/wiring/files.ts';
import { temporaryDirectory } from '../support/run-program.ts';

const place = temporaryDirectory();
afterAll(() => place.remove());

it('two at once never write one image: the second is told busy, and what the first wrote stays', async () => {
  const [partial, whole] = [join(place.path, 'image.partial'), join(place.path, 'image')];
  const first = await realFiles.openImage(partial, 4096, true);
  await first.write(0, new Uint8Array(4096).fill(7));
  for (const fresh of [true, false]) {
    const second = realFiles.openImage(partial, 4096, fresh);
    await expect(second).rejects.toMatchObject({ exit: 'busy', text: { where: partial } });
  }
  await realFiles.rename(partial, whole);
  await first.close();
  expect(readFileSync(whole).every((byte) => byte === 7)).toBe(true);
  const next = await realFiles.openImage(partial, 1024, false);
  expect(await next.read(0, 1024)).toHaveLength(1024);
  await next.close();
  const again = await realFiles.openImage(partial, 512, true);
  await again.close();
  expect(existsSync(partial)).toBe(true);
});

it('nothing is left of an image that the file system refuses the size of, but what an earlier run has', async () => {
  const path = join(place.path, 'too-large.partial');
  await expect(realFiles.openImage(path, 2 ** 53, true)).rejects.toThrow();
  expect(existsSync(path)).toBe(false);
  const first = await realFiles.openImage(path, 512, true);
  await first.close();
  await expect(realFiles.openImage(path, 2 ** 53, false)).rejects.toThrow();
  expect(readFileSync(path)).toHaveLength(512);
});

it('an input that tells no length is held in memory whole, and one without end is refused', async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(1, 2);
    yield Uint8Array.of(3);
  }
  expect(await readToEnd('a pipe', chunks(), 3)).toEqual(Uint8Array.of(1, 2, 3));
  await expect(readToEnd('a pipe', chunks(), 2)).rejects.toMatchObject({ exit: 'usage', text: { where: 'a pipe' } });
  await expect(realFiles.open('/dev/zero')).rejects.toMatchObject({ exit: 'usage', text: { where: '/dev/zero' } });
  expect(LONGEST_UNMEASURED).toBe(256 * 1024 * 1024);
  const told = await realFiles.open('/proc/self/status');
  expect(told.byteLength).toBeGreaterThan(100);
  await told.close();
});

it('a file is replaced by way of a name that nobody can guess, and nothing of it is left where that fails', async () => {
  const folder = join(place.path, 'replaced');
  mkdirSync(folder);
  const victim = join(place.path, 'victim');
  // What the name would be if it could be guessed.
  symlinkSync(victim, join(folder, `file.${process.pid}.new`));
  await realFiles.write(join(folder, 'file'), 'content', 0o600);
  expect(existsSync(victim)).toBe(false);
  mkdirSync(join(folder, 'directory'));
  await expect(realFiles.write(join(folder, 'directory'), 'content')).rejects.toThrow();
  expect(readdirSync(folder).toSorted()).toEqual(['directory', 'file', `file.${process.pid}.new`]);
});
