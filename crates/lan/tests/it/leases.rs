//! The DHCP server, asked by a client that is somebody else's work: what it says is read by another's eyes.

use std::net::Ipv4Addr;

use bytes::Bytes;
use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use socklab_lan::{Attach, DhcpFault, Direction, Lan, LanConfig, Mac, Medium, Plan, PortId, Time};

use crate::hostile::{udp, with_header};

struct Client {
    lan: Lan,
    port: PortId,
    mac: Mac,
    now: Time,
}

impl Client {
    fn new(config: LanConfig, address: Option<Ipv4Addr>) -> Client {
        let mut lan = Lan::new(config);
        let mac = Mac::local(1);
        let port = lan.attach(Time::ZERO, Attach { name: "b1".into(), mac, medium: Medium::Cable, address }).unwrap();
        Client { lan, port, mac, now: Time::ZERO }
    }

    /// Says something, and gives what is answered, with where it was sent to.
    fn ask(&mut self, message: &Message) -> Option<(Message, Ipv4Addr)> {
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).unwrap();
        let packet = udp(message.ciaddr(), 68, Ipv4Addr::BROADCAST, 67, &bytes);
        let frame = with_header(&[0xff; 6], &self.mac.0, 0x0800, &packet);
        self.lan.handle_frame(self.now, self.port, Bytes::from(frame));
        self.lan.poll(self.now);
        let all = std::iter::from_fn(|| self.lan.poll_transmit());
        let frame = all.filter(|(port, ..)| *port == self.port).map(|(.., frame)| frame).last()?;
        let to = Ipv4Addr::from(*frame[30..].first_chunk::<4>().unwrap());
        Some((Message::decode(&mut Decoder::new(&frame[42..])).unwrap(), to))
    }

    fn message(&self, kind: MessageType) -> Message {
        let any = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(0x1234_5678, any, any, any, any, &self.mac.0);
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        message
    }

    fn request(&self, address: Ipv4Addr, server: Option<Ipv4Addr>) -> Message {
        let mut message = self.message(MessageType::Request);
        message.opts_mut().insert(DhcpOption::RequestedIpAddress(address));
        server.into_iter().for_each(|server| drop(message.opts_mut().insert(DhcpOption::ServerIdentifier(server))));
        message
    }
}

fn kind(message: &Message) -> MessageType {
    message.opts().msg_type().unwrap()
}

#[test]
fn an_offer_and_a_lease_say_all_that_a_client_needs() {
    let plan = Plan::default();
    let mut client = Client::new(LanConfig::default(), None);
    let (offer, to) = client.ask(&client.message(MessageType::Discover)).unwrap();
    assert_eq!(
        (kind(&offer), offer.xid(), offer.yiaddr(), to),
        (MessageType::Offer, 0x1234_5678, plan.leases.0, plan.leases.0)
    );
    assert_eq!(offer.chaddr(), client.mac.0);
    let (ack, _) = client.ask(&client.request(offer.yiaddr(), Some(plan.gateway))).unwrap();
    assert_eq!((kind(&ack), ack.yiaddr()), (MessageType::Ack, plan.leases.0));
    let expected = [
        (OptionCode::ServerIdentifier, DhcpOption::ServerIdentifier(plan.gateway)),
        (OptionCode::SubnetMask, DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0))),
        (OptionCode::Router, DhcpOption::Router(vec![plan.gateway])),
        (OptionCode::DomainNameServer, DhcpOption::DomainNameServer(vec![plan.gateway])),
        (OptionCode::AddressLeaseTime, DhcpOption::AddressLeaseTime(plan.lease_time.as_secs() as u32)),
    ];
    for (code, option) in expected {
        assert_eq!(ack.opts().get(code), Some(&option));
    }
}

#[test]
fn requests_are_answered_as_their_state_demands() {
    let plan = Plan::default();
    let mut client = Client::new(LanConfig::default(), None);
    // After a restart: an address of this network that is free is confirmed, one of another is refused.
    let (ack, _) = client.ask(&client.request(Ipv4Addr::new(192, 168, 1, 99), None)).unwrap();
    assert_eq!((kind(&ack), ack.yiaddr()), (MessageType::Ack, Ipv4Addr::new(192, 168, 1, 99)));
    let (nak, to) = client.ask(&client.request(Ipv4Addr::new(10, 0, 0, 5), None)).unwrap();
    assert_eq!((kind(&nak), nak.yiaddr(), to), (MessageType::Nak, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    assert_eq!(nak.opts().get(OptionCode::AddressLeaseTime), None);
    // What belongs to others is refused: the assistant's, the gateway's.
    for taken in [plan.pc, plan.gateway, plan.host] {
        let (nak, _) = client.ask(&client.request(taken, None)).unwrap();
        assert_eq!(kind(&nak), MessageType::Nak);
    }
    // Another server's offer was taken: no word.
    assert!(client.ask(&client.request(Ipv4Addr::new(192, 168, 1, 99), Some(Ipv4Addr::new(192, 168, 1, 7)))).is_none());
    // More time: by the address that it has.
    let (ack, _) = client.ask(&client.request(Ipv4Addr::new(192, 168, 1, 99), None)).unwrap();
    let mut renew = client.message(MessageType::Request);
    renew.set_ciaddr(ack.yiaddr());
    let (ack, to) = client.ask(&renew).unwrap();
    assert_eq!((kind(&ack), to), (MessageType::Ack, Ipv4Addr::new(192, 168, 1, 99)));
    // Only options are wanted.
    let mut inform = client.message(MessageType::Inform);
    inform.set_ciaddr(Ipv4Addr::new(192, 168, 1, 99));
    let (ack, _) = client.ask(&inform).unwrap();
    assert_eq!((kind(&ack), ack.yiaddr()), (MessageType::Ack, Ipv4Addr::UNSPECIFIED));
    assert_eq!(ack.opts().get(OptionCode::AddressLeaseTime), None);
    // It is taken by somebody: another is offered.
    let mut decline = client.request(Ipv4Addr::new(192, 168, 1, 99), Some(plan.gateway));
    decline.opts_mut().insert(DhcpOption::MessageType(MessageType::Decline));
    assert!(client.ask(&decline).is_none());
    let mut discover = client.message(MessageType::Discover);
    discover.opts_mut().insert(DhcpOption::RequestedIpAddress(Ipv4Addr::new(192, 168, 1, 99)));
    let (offer, _) = client.ask(&discover).unwrap();
    assert_eq!(offer.yiaddr(), plan.leases.0);
}

#[test]
fn a_client_that_cannot_hear_yet_is_answered_by_broadcast() {
    let mut client = Client::new(LanConfig::default(), None);
    let discover =
        client.message(MessageType::Discover).set_flags(dhcproto::v4::Flags::default().set_broadcast()).clone();
    let (offer, to) = client.ask(&discover).unwrap();
    assert_eq!((to, offer.flags().broadcast()), (Ipv4Addr::BROADCAST, true));
}

#[test]
fn an_address_may_be_fixed_and_the_pool_may_run_out() {
    let fixed = Ipv4Addr::new(192, 168, 1, 77);
    let mut client = Client::new(LanConfig::default(), Some(fixed));
    let (offer, _) = client.ask(&client.message(MessageType::Discover)).unwrap();
    assert_eq!(offer.yiaddr(), fixed);
    let first = Ipv4Addr::new(192, 168, 1, 20);
    let plan = Plan { leases: (first, first), ..Plan::default() };
    let mut client = Client::new(LanConfig { plan, ..LanConfig::default() }, None);
    let mac = Mac::local(2);
    let attach = Attach { name: "b2".into(), mac, medium: Medium::Cable, address: None };
    let second = client.lan.attach(Time::ZERO, attach).unwrap();
    assert!(client.ask(&client.message(MessageType::Discover)).is_some());
    (client.port, client.mac) = (second, mac);
    assert!(client.ask(&client.message(MessageType::Discover)).is_none());
    assert!(client.lan.counts(second, Direction::Up).unwrap().delivered > 0);
    // The offer that nobody took is free again after a while.
    client.now = Time::from_millis(61_000);
    assert!(client.ask(&client.message(MessageType::Discover)).is_some());
    client.lan.set_dhcp_fault(DhcpFault::Off);
    assert!(client.ask(&client.message(MessageType::Discover)).is_none());
}
