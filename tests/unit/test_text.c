/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What each tool's text says, field by field: lines as the tools write them, and the rows that they are. */
#include "unit/text_feed.h"

static const struct {
	const char *what, *text, *rows;
} cases[] = {
	{ "nfdump 1.7.1: seconds, and a duration in milliseconds",
	  "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir,nh,nhb,svln,dvln,ismc,odmc,idmc,osmc,"
	  "mpls1,mpls2,mpls3,mpls4,mpls5,mpls6,mpls7,mpls8,mpls9,mpls10,cl,sl,al,ra,eng,exid,tr\n"
	  "2026-11-23 19:11:25,2026-11-23 19:11:26,0.601,10.0.2.11,44.128.80.13,47281,443,TCP,...AP.SF,64,8,7,409,0,0,12,3,65001,65002,24,16,0,1,"
	  "10.9.9.9,0.0.0.0,7,0,00:11:22:33:44:55,00:00:00:00:00:00,00:00:00:00:00:00,00:00:00:00:00:00,0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,0-0-0,"
	  "0-0-0,0-0-0,0-0-0,0-0-0,    0.000,    0.000,    0.000,192.0.2.1,1/7,1,2026-11-23 19:12:13.004\n"
	  "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n4554,45299174,50311,3632215,504,900\n",
	  "src=10.0.2.11 dst=44.128.80.13 next_hop=10.9.9.9 exporter=192.0.2.1 src_port=47281 dst_port=443 proto=tcp flags=FIN|SYN|PSH|ACK "
	  "tos=8 packets=7 bytes=409 start=2026-11-23T19:11:25.000Z end=2026-11-23T19:11:25.601Z in_if=12 out_if=3 src_as=65001 dst_as=65002 "
	  "src_mask=24 dst_mask=16 vlan=7 src_mac=00:11:22:33:44:55 direction=egress source_id=263 fwd_status=forwarded\n" },
	{ "nfdump: ICMP in the port, both spellings; both directions",
	  "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt,opkt,obyt\n"
	  "2026-11-23 19:10:00,2026-11-23 19:10:01,0.601,10.0.1.18,44.128.80.10,0,2048,ICMP,........,4,336,0,0\n"
	  "2026-11-23 19:10:00,2026-11-23 19:10:01,0.601,10.0.1.18,44.128.80.10,0,3.1,ICMP,........,4,336,0,0\n"
	  "2026-11-23 19:10:00,2026-11-23 19:10:01,0.601,10.0.1.18,44.128.80.10,1024,53,UDP,........,1,60,1,160\n",
	  "src=10.0.1.18 dst=44.128.80.10 proto=icmp packets=4 bytes=336 start=2026-11-23T19:10:00.000Z end=2026-11-23T19:10:00.601Z icmp_type=8 icmp_code=0\n"
	  "src=10.0.1.18 dst=44.128.80.10 proto=icmp packets=4 bytes=336 start=2026-11-23T19:10:00.000Z end=2026-11-23T19:10:00.601Z icmp_type=3 icmp_code=1\n"
	  "src=10.0.1.18 dst=44.128.80.10 src_port=1024 dst_port=53 proto=udp packets=1 bytes=60 start=2026-11-23T19:10:00.000Z end=2026-11-23T19:10:00.601Z\n"
	  "src=44.128.80.10 dst=10.0.1.18 src_port=53 dst_port=1024 proto=udp packets=1 bytes=160 start=2026-11-23T19:10:00.000Z end=2026-11-23T19:10:00.601Z\n" },
	{ "nfdump: protocols by its own names",
	  "sa,da,pr,ipkt\n1.1.1.1,1.1.1.2,IPIP,1\n1.1.1.1,1.1.1.2,3PC,1\n1.1.1.1,1.1.1.2,UDP-L,1\n1.1.1.1,1.1.1.2,0hop,1\n1.1.1.1,1.1.1.2,GRE,1\n1.1.1.1,1.1.1.2,253,1\n",
	  "src=1.1.1.1 dst=1.1.1.2 proto=ipv4 packets=1\nsrc=1.1.1.1 dst=1.1.1.2 proto=34 packets=1\nsrc=1.1.1.1 dst=1.1.1.2 proto=udplite packets=1\n"
	  "src=1.1.1.1 dst=1.1.1.2 proto=114 packets=1\nsrc=1.1.1.1 dst=1.1.1.2 proto=gre packets=1\nsrc=1.1.1.1 dst=1.1.1.2 proto=253 packets=1\n" },
	{ "nfdump 1.7.8: columns of one's choice, long names",
	  "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,bpp,bps,flows\n"
	  "2024-03-02 12:00:00.123,00:00:01.500,TCP,2001:db8::1,1234,2001:db8::2,80,3,180,60,960,1\n",
	  "src=2001:db8::1 dst=2001:db8::2 src_port=1234 dst_port=80 proto=tcp packets=3 bytes=180 start=2024-03-02T12:00:00.123Z end=2024-03-02T12:00:01.623Z\n" },
	{ "nfdump 1.7.8: csv-fast, milliseconds since 1970",
	  "cnt,af,firstSeen,lastSeen,proto,srcAddr,srcPort,dstAddr,dstPort,srcAS,dstAS,input,output,flags,srcTos,packets,bytes\n"
	  "1,2,1709380800123,1709380801623,17,10.0.0.1,1234,10.0.0.2,53,1,2,3,4,........,0,1,60\n",
	  "src=10.0.0.1 dst=10.0.0.2 src_port=1234 dst_port=53 proto=udp tos=0 packets=1 bytes=60 start=2024-03-02T12:00:00.123Z "
	  "end=2024-03-02T12:00:01.623Z in_if=3 out_if=4 src_as=1 dst_as=2\n" },
	{ "SiLK: padded, bars, ISO times",
	  "            sIP|            dIP|sPort|dPort|pro|   packets|     bytes|   flags|                  sTime| duration|                  eTime|sen|\n"
	  "175.215.235.223|175.215.236.223|   80| 3222|  6|         1|        44| S  A   |2009/02/12T00:00:00.390|    1.005|2009/02/12T00:00:01.395| S0|\n"
	  "    10.20.11.51|    10.64.22.15|    0|  769|  1|         2|       168|        |2009/02/12T00:00:02.000|    0.000|2009/02/12T00:00:02.000| S0|\n",
	  "src=175.215.235.223 dst=175.215.236.223 src_port=80 dst_port=3222 proto=tcp flags=SYN|ACK packets=1 bytes=44 "
	  "start=2009-02-12T00:00:00.390Z end=2009-02-12T00:00:01.395Z\n"
	  "src=10.20.11.51 dst=10.64.22.15 proto=icmp packets=2 bytes=168 start=2009-02-12T00:00:02.000Z end=2009-02-12T00:00:02.000Z icmp_type=3 icmp_code=1\n" },
	{ "SiLK: any subset and order, commas, epoch times, addresses as numbers and with zeros in front",
	  "sTime,dIP,sIP,pro,bytes,iType,iCode,in,nhIP\n"
	  "1234396800.390,3232235777,010.001.002.003,1,84,8,0,5,10.0.0.9\n",
	  "src=10.1.2.3 dst=192.168.1.1 next_hop=10.0.0.9 proto=icmp bytes=84 start=2009-02-12T00:00:00.390Z in_if=5 icmp_type=8 icmp_code=0\n" },
	{ "Argus: two rows a record, flags of both in the state, packets that cannot be parted are absent",
	  "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n"
	  "2018/12/18 14:00:00.527012,0.699716,tcp,216.73.23.146,52798,   ->,147.32.81.58,445,S_RA,0,0,2,134,70,flow=x\n"
	  "2018/12/18 14:00:00.527012,0.000000,udp,10.0.0.1,53,   ->,10.0.0.2,1024,INT,0,,3,327,327,\n"
	  "2018/12/18 14:00:00.527012,1.000000,rtp,10.0.0.1,5004,  <->,10.0.0.2,5004,CON,0,0,5,500,200,\n"
	  "2018/12/18 14:00:00.527012,0.000000,icmp,168.1.206.67,0x0103,   ->,147.32.87.1,0x0f72,URH,0,,1,110,110,\n"
	  "2018/12/18 14:00:00.527012,0.000000,icmp,168.1.206.67,0x0008,  <->,147.32.87.1,0x0f72,ECO,0,0,2,220,110,\n"
	  "2018/12/18 14:00:00.527012,0.000000,arp,10.0.2.15,,  who,10.0.2.2,,CON,,,22,924,462,\n",
	  "src=216.73.23.146 dst=147.32.81.58 src_port=52798 dst_port=445 proto=tcp flags=SYN tos=0 packets=1 bytes=70 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:01.226Z\n"
	  "src=147.32.81.58 dst=216.73.23.146 src_port=445 dst_port=52798 proto=tcp flags=RST|ACK tos=0 packets=1 bytes=64 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:01.226Z\n"
	  "src=10.0.0.1 dst=10.0.0.2 src_port=53 dst_port=1024 proto=udp tos=0 packets=3 bytes=327 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:00.527Z\n"
	  "src=10.0.0.1 dst=10.0.0.2 src_port=5004 dst_port=5004 proto=udp tos=0 bytes=200 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:01.527Z\n"
	  "src=10.0.0.2 dst=10.0.0.1 src_port=5004 dst_port=5004 proto=udp tos=0 bytes=300 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:01.527Z\n"
	  "src=168.1.206.67 dst=147.32.87.1 proto=icmp tos=0 packets=1 bytes=110 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:00.527Z icmp_type=3 icmp_code=1\n"
	  "src=168.1.206.67 dst=147.32.87.1 proto=icmp tos=0 packets=1 bytes=110 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:00.527Z icmp_type=8 icmp_code=0\n"
	  "src=147.32.87.1 dst=168.1.206.67 proto=icmp tos=0 packets=1 bytes=110 start=2018-12-18T14:00:00.527Z end=2018-12-18T14:00:00.527Z icmp_type=0 icmp_code=0\n" },
	{ "Zeek: TSV",
	  "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
	  "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n"
	  "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tstring\tcount\tcount\tcount\tcount\n"
	  "1601998366.785668\tC1\t10.0.0.1\t40000\t10.0.0.2\t80\ttcp\thttp,ssl\t0.007707\t37\t77\tSF\tShADadfR\t5\t300\t4\t250\n"
	  "1601998366.785668\tC2\tfe80::1\t133\tff02::2\t134\ticmp\t-\t-\t-\t-\tOTH\t-\t1\t56\t0\t0\n"
	  "1601998366.785668\tC3\t10.0.0.1\t3\t10.0.0.2\t1\ticmp\t(empty)\t-\t-\t-\tOTH\t-\t1\t56\t0\t0\n"
	  "#close\t2020-10-06-17-40-00\n",
	  "src=10.0.0.1 dst=10.0.0.2 src_port=40000 dst_port=80 proto=tcp flags=SYN|RST|ACK packets=5 bytes=300 start=2020-10-06T15:32:46.785Z end=2020-10-06T15:32:46.793Z application=http,ssl\n"
	  "src=10.0.0.2 dst=10.0.0.1 src_port=80 dst_port=40000 proto=tcp flags=FIN|SYN|ACK packets=4 bytes=250 start=2020-10-06T15:32:46.785Z end=2020-10-06T15:32:46.793Z application=http,ssl\n"
	  "src=fe80::1 dst=ff02::2 proto=icmp6 packets=1 bytes=56 start=2020-10-06T15:32:46.785Z end=2020-10-06T15:32:46.785Z icmp_type=133 icmp_code=0\n"
	  "src=10.0.0.1 dst=10.0.0.2 proto=icmp packets=1 bytes=56 start=2020-10-06T15:32:46.785Z end=2020-10-06T15:32:46.785Z icmp_type=3 icmp_code=1\n" },
	{ "Zeek: JSON, with another log between, and an object around id",
	  "{\"_path\":\"conn\",\"ts\":1.5e3,\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":8,\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":0,\"proto\":\"icmp\","
	  "\"duration\":1,\"conn_state\":\"OTH\",\"orig_pkts\":2,\"orig_ip_bytes\":168,\"resp_pkts\":2,\"resp_ip_bytes\":170}\n"
	  "{\"_path\":\"dns\",\"ts\":1,\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":8,\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":53}\n"
	  "{\"ts\":\"1970-01-01T00:25:00.5Z\",\"id\":{\"orig_h\":\"10.0.0.1\",\"orig_p\":1,\"resp_h\":\"10.0.0.2\",\"resp_p\":53},\"proto\":\"udp\",\"service\":\"d\\u006es\",\"orig_pkts\":1,\"orig_ip_bytes\":60}\n",
	  "src=10.0.0.1 dst=10.0.0.2 proto=icmp packets=2 bytes=168 start=1970-01-01T00:25:00.000Z end=1970-01-01T00:25:01.000Z icmp_type=8 icmp_code=0\n"
	  "src=10.0.0.2 dst=10.0.0.1 proto=icmp packets=2 bytes=170 start=1970-01-01T00:25:00.000Z end=1970-01-01T00:25:01.000Z icmp_type=0 icmp_code=0\n"
	  "src=10.0.0.1 dst=10.0.0.2 src_port=1 dst_port=53 proto=udp packets=1 bytes=60 start=1970-01-01T00:25:00.500Z end=1970-01-01T00:25:00.500Z application=dns\n" },
	{ "Suricata: flow and netflow, not alerts",
	  "{\"timestamp\":\"2021-06-06T15:57:37.272281+0200\",\"event_type\":\"stats\",\"stats\":{\"uptime\":8}}\n"
	  "{\"timestamp\":\"2021-06-06T15:57:37.272281+0200\",\"event_type\":\"flow\",\"vlan\":[7,8],\"src_ip\":\"91.238.203.56\",\"src_port\":48938,"
	  "\"dest_ip\":\"192.168.1.129\",\"dest_port\":445,\"proto\":\"TCP\",\"app_proto\":\"failed\",\"flow\":{\"pkts_toserver\":2,\"pkts_toclient\":3,"
	  "\"bytes_toserver\":120,\"bytes_toclient\":180,\"start\":\"2021-06-06T17:34:31.140759+0200\",\"end\":\"2021-06-06T17:34:31.141012+0200\"},"
	  "\"tcp\":{\"tcp_flags\":\"16\",\"tcp_flags_ts\":\"02\",\"tcp_flags_tc\":\"14\"}}\n"
	  "{\"event_type\":\"alert\",\"src_ip\":\"1.1.1.1\",\"dest_ip\":\"2.2.2.2\",\"proto\":\"TCP\",\"flow\":{\"pkts_toserver\":2}}\n"
	  "{\"event_type\":\"netflow\",\"src_ip\":\"fe80::1\",\"dest_ip\":\"ff02::2\",\"proto\":\"IPv6-ICMP\",\"icmp_type\":133,\"icmp_code\":0,\"app_proto\":\"x\","
	  "\"netflow\":{\"pkts\":2,\"bytes\":140,\"start\":\"2021-06-06T15:34:31+00:00\",\"end\":\"2021-06-06T15:34:32Z\",\"age\":1,\"min_ttl\":255,\"max_ttl\":255}}\n",
	  "src=91.238.203.56 dst=192.168.1.129 src_port=48938 dst_port=445 proto=tcp flags=SYN packets=2 bytes=120 start=2021-06-06T15:34:31.140Z end=2021-06-06T15:34:31.141Z vlan=7\n"
	  "src=192.168.1.129 dst=91.238.203.56 src_port=445 dst_port=48938 proto=tcp flags=RST|ACK packets=3 bytes=180 start=2021-06-06T15:34:31.140Z end=2021-06-06T15:34:31.141Z vlan=7\n"
	  "src=fe80::1 dst=ff02::2 proto=icmp6 packets=2 bytes=140 start=2021-06-06T15:34:31.000Z end=2021-06-06T15:34:32.000Z icmp_type=133 icmp_code=0 min_ttl=255 max_ttl=255 application=x\n" },
	{ "goflow2: both spellings",
	  "{\"type\":\"SFLOW_5\",\"time_received_ns\":1709380861000000000,\"sampling_rate\":1024,\"sampler_address\":\"192.0.2.1\",\"time_flow_start_ns\":1709380800123456789,"
	  "\"time_flow_end_ns\":1709380800123456789,\"bytes\":1500,\"packets\":1,\"src_addr\":\"10.0.0.1\",\"dst_addr\":\"10.0.0.2\",\"etype\":\"IPv4\",\"proto\":\"TCP\","
	  "\"src_port\":1,\"dst_port\":443,\"in_if\":6,\"out_if\":7,\"ip_tos\":0,\"ip_ttl\":63,\"tcp_flags\":16,\"src_as\":65000,\"dst_as\":0,\"next_hop\":\"\"}\n",
	  "src=10.0.0.1 dst=10.0.0.2 exporter=192.0.2.1 src_port=1 dst_port=443 proto=tcp flags=ACK tos=0 packets=1024 bytes=1536000 start=2024-03-02T12:00:00.123Z "
	  "end=2024-03-02T12:00:00.123Z in_if=6 out_if=7 src_as=65000 dst_as=0 sampling=1024 min_ttl=63 max_ttl=63\n" },
	{ "goflow2 before 2.0",
	  "{\"Type\":\"NETFLOW_V9\",\"TimeReceived\":1709380861,\"SamplingRate\":0,\"SamplerAddress\":\"192.0.2.1\",\"TimeFlowStart\":1709380800,\"TimeFlowEnd\":1709380801,"
	  "\"Bytes\":84,\"Packets\":1,\"SrcAddr\":\"2001:db8::1\",\"DstAddr\":\"2001:db8::2\",\"Proto\":58,\"SrcPort\":0,\"DstPort\":0,\"IcmpType\":128,\"IcmpCode\":0,\"ForwardingStatus\":128}\n",
	  "src=2001:db8::1 dst=2001:db8::2 exporter=192.0.2.1 proto=icmp6 packets=1 bytes=84 start=2024-03-02T12:00:00.000Z end=2024-03-02T12:00:01.000Z "
	  "icmp_type=128 icmp_code=0 fwd_status=dropped\n" },
	{ "pmacct: JSON",
	  "{\"event_type\":\"purge\",\"label\":{\"nkey\":\"a\"},\"peer_ip_src\":\"172.21.1.103\",\"iface_in\":203,\"iface_out\":0,\"ip_src\":\"213.3.216.138\",\"net_src\":\"0.0.0.0\","
	  "\"ip_dst\":\"213.3.216.137\",\"mask_src\":32,\"mask_dst\":0,\"port_src\":44187,\"port_dst\":179,\"tcp_flags\":[\"ACK\",\"PSH\"],\"fwd_status\":\"CONSUMED For us\","
	  "\"mpls_label_stack\":[],\"vrf_name\":\"\",\"ip_proto\":\"tcp\",\"tos\":192,\"timestamp_start\":\"1677577600.250000\",\"timestamp_end\":\"2023-02-28 09:46:41.500000\","
	  "\"timestamp_arrival\":\"0000-00-00 00:00:00.000000\",\"packets\":5,\"flows\":null,\"bytes\":18446744073709551615}\n"
	  "{\"peer_ip_src\":\"172.21.1.103\",\"ip_src\":\"213.3.216.138\",\"ip_dst\":\"213.3.216.137\",\"port_src\":44187,\"port_dst\":179,\"tcp_flags\":[],\"ip_proto\":\"tcp\",\"packets\":5,\"bytes\":9223372036854775807}\n",
	  "src=213.3.216.138 dst=213.3.216.137 exporter=172.21.1.103 src_port=44187 dst_port=179 proto=tcp packets=5 bytes=9223372036854775807\n" },
	{ "pmacct: CSV",
	  "SRC_IP,DST_IP,SRC_PORT,DST_PORT,TCP_FLAGS,PROTOCOL,TOS,PACKETS,FLOWS,BYTES\n10.0.0.1,10.0.0.2,1,2,18,tcp,0,3,1,180\n",
	  "src=10.0.0.1 dst=10.0.0.2 src_port=1 dst_port=2 proto=tcp flags=SYN|ACK tos=0 packets=3 bytes=180\n" },
	{ "IPFIX names and nfdump's habits work as the language's own",
	  "sourceIPv4Address;destinationIPv4Address;protocolIdentifier;flowStartMilliseconds;flowDurationMilliseconds;octetDeltaCount\n10.0.0.1;10.0.0.2;17;1709380800123;1500;7\n",
	  "src=10.0.0.1 dst=10.0.0.2 proto=udp bytes=7 start=2024-03-02T12:00:00.123Z end=2024-03-02T12:00:01.623Z\n" },
	{ "a byte order mark, CR LF, blank lines, a comment, quotes, no end of the last line",
	  "\xef\xbb\xbf# written by hand\r\nsrc,\"dst\",user\r\n\r\n10.0.0.1,10.0.0.2,\"a \"\"b\"\", c\"\r\n10.0.0.3,10.0.0.4,-\r\n10.0.0.5,,\"two\nlines\"",
	  "src=10.0.0.1 dst=10.0.0.2 user=a \"b\", c\nsrc=10.0.0.3 dst=10.0.0.4 user=-\nsrc=10.0.0.5 user=two\nlines\n" },
	{ "one array of objects over many lines",
	  "[\n{\n  \"src\" : \"10.0.0.1\",\n  \"application\" : \"\"\n},\n{\n  \"src\" : \"10.0.0.2\",\n  \"flags\" : \"SYN|ECE\",\n\"proto\":\"tcp\" }\n]\n",
	  "src=10.0.0.1 application=\nsrc=10.0.0.2 proto=tcp flags=SYN|ECE\n" },
	{ "objects one behind the other in one line",
	  "[{\"src\":\"10.0.0.1\"},{\"src\":\"10.0.0.2\"}] {\"src\":\"10.0.0.3\"}{\"src\":\"10.0.0.4\"}",
	  "src=10.0.0.1\nsrc=10.0.0.2\nsrc=10.0.0.3\nsrc=10.0.0.4\n" },
};

Test(text, what_each_tool_says)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fed f = { 0 };

		if (!fed_gives(&f, cases[i].what, cases[i].text, cases[i].rows))
			continue;
		cr_expect(!f.report.damaged, "%s: %s", cases[i].what, f.report.reason);
		fed_free(&f);
	}
}
