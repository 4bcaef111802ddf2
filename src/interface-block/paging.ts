import { PAGE_SIZE } from './geometry.ts';

/** Pages that `editedLength` bytes need; no edited data is one empty page. */
export function pageCountOf(editedLength: number): number {
  return Math.max(1, Math.ceil(editedLength / PAGE_SIZE));
}

/** The bytes of page `page`, counted from 0; a view, not a copy. */
export function pageOf(editedData: Uint8Array, page: number): Uint8Array {
  return editedData.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
}

/** Bytes that page `page` of `editedLength` bytes has: all pages but the last are full. */
export function pageLengthOf(editedLength: number, page: number): number {
  return Math.max(0, Math.min(PAGE_SIZE, editedLength - page * PAGE_SIZE));
}
