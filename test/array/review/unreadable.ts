import type { Storage } from '../../../src/base/storage.ts';

/** From now on, and for files that are open already: reads of the sector fail, until it is written anew. */
export function makeUnreadable(storage: Storage): (file: string, sector: number) => void {
  const bad = new Set<string>();
  const open = storage.open.bind(storage);
  const isBad = (name: string, offset: number, length: number): boolean => {
    for (let sector = Math.floor(offset / 512); sector * 512 < offset + length; sector += 1) {
      if (bad.has(`${name} ${sector}`)) return true;
    }
    return false;
  };
  storage.open = (name) => {
    const file = open(name);
    return {
      ...file,
      name,
      read(target, offset) {
        if (isBad(name, offset, target.length)) throw Object.assign(new Error(`EIO: read ${name}`), { code: 'EIO' });
        file.read(target, offset);
      },
      write(source, offset) {
        for (let at = offset; at < offset + source.length; at += 512) bad.delete(`${name} ${Math.floor(at / 512)}`);
        file.write(source, offset);
      },
    };
  };
  const remove = storage.remove.bind(storage);
  storage.remove = (name) => {
    for (const place of bad) if (place.startsWith(`${name} `)) bad.delete(place);
    return remove(name);
  };
  return (file, sector) => void bad.add(`${file} ${sector}`);
}
