import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEADER_BLOCKS, JOURNAL_BLOCK_SIZE } from '../../src/array/journal/geometry.ts';
import { decodeRecord } from '../../src/array/journal/record.ts';
import { program, succeeding, temporaryDirectory, type Ended } from './support/run-program.ts';

/** A real array of which a byte of the journal rots, in the file, between two lives of its process; the cases build on each other. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const tokyo = join(lab, 'tokyo');
const environment = { CDCTL_CONFIG: join(lab, 'tokyo.yaml') };
/** As the lab numbers them. */
const DATA = '10';
const journal = join(tokyo, 'store', 'lun-20.journal');
const NAMED =
  /record \d+ of its journal is damaged \(journal-record\.crc: .*; record \d+ was stored when the journal was durable up to \d+\)/;

const cdctl = (...argv: readonly string[]): Promise<Ended> => program(argv, environment);

const done = succeeding(environment);

async function write(lba: number, fill: number): Promise<void> {
  const input = join(place.path, 'block');
  writeFileSync(input, Buffer.alloc(512, fill));
  await done('lun', 'write', 'tokyo/data', '--input', input, '--lba', String(lba), '--confirm', 'tokyo/data');
}

async function contentOf(array: string): Promise<Buffer> {
  const site = { CDCTL_CONFIG: join(lab, `${array}.yaml`) };
  const { code, stdout } = await program(['--json', 'lun', 'read', `${array}/data`, '--count', '2048'], site);
  expect(code).toBe(0);
  return Buffer.from((JSON.parse(stdout) as { bytes: string }).bytes, 'hex');
}

/** Flips a bit in the record of the write to `lba`; answers with its number. */
function rotRecord(file: string, lba: number): number {
  const bytes = readFileSync(file);
  for (let at = HEADER_BLOCKS * JOURNAL_BLOCK_SIZE; at < bytes.length; at += JOURNAL_BLOCK_SIZE) {
    const found = decodeRecord(bytes.subarray(at, at + JOURNAL_BLOCK_SIZE));
    if (!found.ok || found.value.lba !== lba) continue;
    flipByte(file, at + 60);
    return found.value.sequence;
  }
  throw new Error(`no record of block ${lba}`);
}

function flipByte(file: string, at: number): void {
  const handle = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(handle, byte, 0, 1, at);
  byte[0]! ^= 0x20;
  writeSync(handle, byte, 0, 1, at);
  closeSync(handle);
}

beforeAll(async () => {
  await done('lab', 'up', '--directory', lab, '--volume-size', '1MiB', '--journal-size', '2MiB');
  await done('pair', 'create', 'oradb', '--primary', 'tokyo');
  await write(0, 1);
  await done('replicate', 'oradb', '--until-empty');
  for (const lba of [100, 200, 300, 400]) await write(lba, lba / 100);
});

afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

describe('a journal of a primary in which a durable record has rotted', () => {
  it('is damaged to array check, which names the record', async () => {
    await done('lab', 'fault', 'kill', 'tokyo', '--directory', lab);
    const sequence = rotRecord(journal, 200);
    const { code, stdout } = await cdctl('array', 'check', tokyo);
    expect(code).toBe(11);
    expect(stdout).toContain(`record ${sequence} cannot be read`);
    expect(stdout).toContain('array volume give-up');
  });

  it('keeps its group from being served, and nothing else', async () => {
    await done('lab', 'fault', 'start', 'tokyo', '--directory', lab);
    const { code, stdout, stderr } = await cdctl('journal', 'show', 'oradb');
    expect([code === 0, `${stdout}${stderr}`]).toEqual([false, expect.stringMatching(NAMED)]);
    expect((await cdctl('lun', 'read', 'tokyo/data')).code).not.toBe(0);
    expect((await cdctl('array', 'show', tokyo)).code).toBe(0);
  });

  it('is given up by name, and everything that can be read is there', async () => {
    const giveUp = ['array', 'volume', 'give-up', tokyo, '--lun', DATA];
    expect(await done(...giveUp, '--dry-run')).toMatch(/1 write that hosts were told are done/);
    await done(...giveUp, '--confirm', 'data');
    const bytes = await contentOf('tokyo');
    expect([0, 100, 300, 400].map((lba) => bytes[lba * 512])).toEqual([1, 1, 3, 4]);
  });

  it('is followed only after a resync, which copies everything', async () => {
    expect(await done('pair', 'show', 'oradb')).toMatch(/suspended/);
    await done('pair', 'resync', 'oradb', '--from', 'tokyo');
    await done('replicate', 'oradb', '--until-empty');
    await done('pair', 'check', 'oradb', '--state', 'replicating', '--primary', 'tokyo', '--consistent');
    expect(Buffer.compare(await contentOf('tokyo'), await contentOf('osaka'))).toBe(0);
  });
});
