import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/**
 * What this version has written and every later one must read. A fixture that does not open any more is no reason to write it anew:
 * another format gets another folder. SHA-256 of each file.
 */
const KEPT: Readonly<Record<string, string>> = {
  'array-format-1/osaka.json': '491f7525a477e3bcb86ae0757287c352c2b0c36b358f58fd702ec189e19d244a',
  'array-format-1/tokyo-encrypted.json': 'd5af6b5f71bbeccce8117d3076ed9994811d612cdf12ff1c5d58645b0d08e6dc',
  'array-format-1/tokyo.json': 'd910e9e8938aff3baacf17ee08f34a65c54ce1d637e78741b2183ef4e79ddf0d',
  'audit-format-1/audit-00000001': 'fbee7c0871f176abbacca35766e99b06227b8f7739989ae569a0ca6de9500f33',
  'interface-block/challenge.hex': '52cbd6bbc75522ec4ecefeb5ef222cc5aeddd16860d3d763e179587a16fd5ddd',
  'interface-block/journal-acquire-answer.hex': '694cfb302d2fd4e4178523d12f63f6f000cda80641165ffcc7b67f7b73f1c60a',
  'interface-block/journal-acquire-request.hex': 'e35229c032d0a789198ae74870526e3b90d08517cbc52106fd14fe9180cb8208',
  'interface-block/journal-show-answer.hex': '6f3f724528ccea26395ef86670f200863fd8716acc9a3af1b6198ec79fb32c34',
  'interface-block/journal-show-executing.hex': '0d8ac5ea01fd866de50b226c962d032044dd4f120a1433e07f7da14f116b3972',
  'interface-block/journal-show-refused.hex': '8d42772324a171c16ac8418ce66b40b657363d4055d9b2bc2661169bcf109671',
  'interface-block/journal-show-request.hex': '564ba54ea9f7225214b4246c6c7fc187ee7e4e699b2c244ebf98730c65c00044',
  'interface-block/journal-show-signed-request.hex': '6428476502dec47d13c8fbd47e80e15c6baa3d784436375e54d93841786d2afe',
  'interface-block/label.hex': '3a3c9a93132831cef38ebbea0e6bb3dacf7b6a77af8086da1af983f48993b05a',
  'interface-block/pair-create-request.hex': 'b14c9dfce80f4a2fac16fcc0dcf6cb2f58608b7197cc1554f220ceffeca28817',
  'interface-block/pair-resync-request.hex': '71b4b2b5e642c68343530ae97b30eda80a3885dbb1372f17144a3f7c607367bd',
  'interface-block/volume-list-last-page.hex': 'cbbaf3bde01aca9f12632f16c6ab00f9d83f00444ff56a7d33ee1e433c076d00',
};

const FOLDERS = ['array-format-1', 'audit-format-1', 'interface-block'];
const root = new URL('../fixtures/', import.meta.url);

describe('fixtures of a format', () => {
  it.each(Object.entries(KEPT))('%s is as it was written', (name, hash) => {
    expect(
      createHash('sha256')
        .update(readFileSync(new URL(name, root)))
        .digest('hex'),
    ).toBe(hash);
  });

  it('are all in this list', () => {
    const files = FOLDERS.flatMap((folder) => readdirSync(new URL(folder, root)).map((file) => `${folder}/${file}`));
    expect(files.toSorted((left, right) => left.localeCompare(right))).toEqual(Object.keys(KEPT));
  });
});

describe('what is known to have broken others', () => {
  const readme = readFileSync(new URL('hostile/README.md', root), 'utf8');
  const played = [...readme.matchAll(/`((?:test|fixtures)\/[^`]+)`: ("[^"|]+"(?:; "[^"|]+")*)/g)].flatMap(
    ([, file, names]) => [...names!.matchAll(/"([^"]+)"/g)].map(([, name]) => [file!, name!] as const),
  );

  it('has a test in each row, told apart by file and name', () => {
    const rows = readme.split('\n').filter((line) => /^\| (?!seen at|file|---|`)/.test(line));
    expect(rows.length).toBeGreaterThan(18);
    for (const row of rows)
      expect(played.filter(([file, name]) => row.includes(file) && row.includes(name))).not.toEqual([]);
  });

  it.each(played)('%s has "%s"', (file, name) => {
    expect(readFileSync(new URL(`../${file}`, root), 'utf8')).toContain(name);
  });
});
