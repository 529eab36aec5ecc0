import { type Files, numberIn } from './files.ts'

/** The path that sysctl(8) has under /proc for one link; the dots of a VLAN's name are kept. */
const pathOf = (family: 4 | 6, link: string, key: string): string => `/proc/sys/net/ipv${family}/conf/${link}/${key}`

/** The value for one link alone. */
export const linkSysctl = (files: Files, family: 4 | 6, link: string, key: string): number | undefined =>
  numberIn(files, pathOf(family, link, key))

/** The greater of the link's and that of `all`: what counts for rp_filter and src_valid_mark (ip-sysctl.rst). */
export function effectiveSysctl(files: Files, link: string, key: string): number | undefined {
  const values = [link, 'all'].map((name) => linkSysctl(files, 4, name, key)).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : Math.max(...values)
}

/** `net.ipv4.conf.eth1.rp_filter = 1`; sysctl(8) writes the dots of a link's name as slashes. */
export const sysctlText = (family: 4 | 6, link: string, key: string, value: number | undefined): string =>
  `${sysctlName(family, link, key)} = ${value ?? '?'}`

export const sysctlName = (family: 4 | 6, link: string, key: string): string =>
  `net.ipv${family}.conf.${link.replaceAll('.', '/')}.${key}`
