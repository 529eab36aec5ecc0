/** The place of the first item, from `start` on, that `isBefore` is false of; it must be true of all in front of that one. */
export function placeIn<T>(items: readonly T[], isBefore: (item: T) => boolean, start = 0): number {
  let low = start
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(items[middle] as T)) low = middle + 1
    else high = middle
  }
  return low
}
