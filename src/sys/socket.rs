//! UDP sockets: our own address, IP multicast groups, several daemons on one host by address.
//!
//! A daemon's plain socket is bound to its own address, so that daemons with different addresses of one host do not
//! take each other's datagrams. A group is heard by a socket of its own, bound to the group's address and port; the
//! kernel then gives every daemon of the host its copy, the sender too, which knows its own by address and port.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Bytes of buffer asked of the kernel for each direction; it may give less.
const BUFFER: usize = 1 << 20;

fn udp() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Best effort: the kernel caps it at its own limits.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    Ok(socket)
}

/// A socket bound to one of our own addresses, for everything sent and for plain messages received.
/// It sends multicasts by the interface of that address, `ttl` routers far, to this host too.
///
/// # Errors
/// The address is not ours, or its port is taken: two daemons cannot have one address and port.
pub fn open_own(address: SocketAddrV4, ttl: u32) -> io::Result<Socket> {
    let socket = udp()?;
    if !address.ip().is_unspecified() {
        socket.set_multicast_if_v4(address.ip())?;
    }
    socket.set_multicast_ttl_v4(ttl)?;
    socket.set_multicast_loop_v4(true)?;
    socket.bind(&SocketAddr::V4(address).into())?;
    Ok(socket)
}

/// A socket that hears the IP multicast `group` by the interface of our address `own`
/// (IP_ADD_MEMBERSHIP), beside other daemons of this host that do the same.
///
/// # Errors
/// The address is no multicast address, or no interface of ours can hear it.
pub fn open_group(group: SocketAddrV4, own: Ipv4Addr) -> io::Result<Socket> {
    let socket = udp()?;
    socket.set_reuse_address(true)?;
    // Only the groups joined here, not those of other sockets of the host.
    socket.set_multicast_all_v4(false)?;
    socket.bind(&SocketAddr::V4(group).into())?;
    socket.join_multicast_v4(group.ip(), &own)?;
    Ok(socket)
}
