import { describe, expect, it } from 'vitest'
import { isPermittedAddress, literalAddress, parseNetworks, targetProblems } from './address-policy.ts'

const NOT_PUBLIC = `
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.254 127.0.0.1 127.1.2.3 127.255.255.254
169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1
192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::7f00:1 ::127.0.0.1 ::a00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a9fe:a9fe:: 3fff::1 5f00::1 4000::1 fc00::1 fd00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 fec0::1
ff00::1 ff02::1 ff0e::1`
  .trim()
  .split(/\s+/)

const PUBLIC =
  '1.1.1.1 8.8.8.8 93.184.216.34 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 2606:4700:4700::1111 2a00:1450:4001:81b::200e 2001:4860:4860::8888'.split(
    ' ',
  )

const HOSTILE_URLS = `
http://127.0.0.1/ http://127.1/ http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://017700000001/ http://0177.0.0.1/
http://127.0.0.1./ http://127.0.0.1:6379/ http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://%31%32%37.0.0.1/
http://[::1]/ http://[::ffff:127.0.0.1]/ http://[::7f00:1]/ http://[0:0:0:0:0:ffff:7f00:1]/ http://[fd00:ec2::254]/latest/
http://169.254.169.254/latest/meta-data http://2852039166/ http://0251.0376.0251.0376/ http://0/ http://10.1/
http://user@example.com/ http://user:pass@example.com/ ftp://example.com/ file:///etc/passwd gopher://127.0.0.1/ http://[::1 http://`
  .trim()
  .split(/\s+/)

describe('the address policy', () => {
  it('is tested with at least 90 addresses', () => {
    expect(NOT_PUBLIC.length + HOSTILE_URLS.length).toBeGreaterThanOrEqual(90)
  })

  it.each(NOT_PUBLIC)('refuses %s', (address) => {
    expect(isPermittedAddress(address, [])).toBe(false)
  })

  it.each(PUBLIC)('permits %s', (address) => {
    expect(isPermittedAddress(address, [])).toBe(true)
  })

  it.each(['', 'localhost', '127.1', '2130706433', '1.2.3.4.5', '8.8.8.8 '])('refuses %j, which is not a complete address', (text) => {
    expect(isPermittedAddress(text, [])).toBe(false)
  })

  it.each(HOSTILE_URLS)('reports a problem with %s', (url) => {
    expect(targetProblems(url, [])).not.toEqual([])
  })

  it.each(['https://example.com/hook', 'http://example.com:8080/a?b=c', 'https://localhost/x', 'https://[2606:4700:4700::1111]/'])(
    'reports no problem with %s',
    (url) => {
      expect(targetProblems(url, [])).toEqual([])
    },
  )

  it('permits allowed networks, each family separately', () => {
    const allowed = parseNetworks('127.0.0.0/8, ::1/128,10.1.2.3')
    expect(['127.0.0.1', '127.9.9.9', '::1', '10.1.2.3'].map((address) => isPermittedAddress(address, allowed))).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(['10.1.2.4', '::2', '::ffff:127.0.0.1', '169.254.169.254'].some((address) => isPermittedAddress(address, allowed))).toBe(false)
    expect(targetProblems('http://127.0.0.1:1/', allowed)).toEqual([])
  })

  it.each(['10.0.0.0/33', 'example.com', '10.0.0.0/', '1.2/8', '::1/200'])('does not accept %s as a block', (entry) => {
    expect(() => parseNetworks(entry)).toThrow(entry)
  })

  it('distinguishes address literals from names', () => {
    expect(literalAddress(new URL('http://[::1]:80/'))).toBe('::1')
    expect(literalAddress(new URL('http://0x7f000001/'))).toBe('127.0.0.1')
    expect(literalAddress(new URL('http://example.com/'))).toBeUndefined()
  })
})
