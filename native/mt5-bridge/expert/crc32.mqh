// CRC-32 (IEEE 802.3), as in link/crc32.h: for the records of the journal and the frames of the socket client.
#ifndef TROUPE_CRC32_MQH
#define TROUPE_CRC32_MQH

uint g_crc_table[256];
bool g_crc_ready = false;

void CrcPrepare() {
  if (g_crc_ready) return;
  for (uint i = 0; i < 256; i++) {
    uint c = i;
    for (int k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
    g_crc_table[i] = c;
  }
  g_crc_ready = true;
}

uint CrcBegin() { return 0xFFFFFFFF; }
uint CrcAdd(uint c, uchar byte) { return g_crc_table[(c ^ (uint)byte) & 0xFF] ^ (c >> 8); }
uint CrcEnd(uint c) { return c ^ 0xFFFFFFFF; }

#endif
