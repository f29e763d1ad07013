<?php
/**
 * Notices changes of users.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Users;

use TokenBridge\Connection\Connection;
use TokenBridge\Feature;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Outbox\UserDelivery;

defined( 'ABSPATH' ) || exit;

/**
 * Puts registrations, changed profiles and roles, and deletions into the outbox.
 */
final class UserWatcher implements Feature {

	private const HOOKS = [ 'user_register', 'profile_update', 'set_user_role', 'add_user_role', 'remove_user_role' ];

	/** @var Connection */
	private $connection;

	/** @var Outbox */
	private $outbox;

	/** @var array<int, string> Topics by user. */
	private $added = [];

	public function __construct( Connection $connection, Outbox $outbox ) {
		$this->connection = $connection;
		$this->outbox     = $outbox;
	}

	public function register(): void {
		if ( ! $this->connection->is_store() ) {
			return;
		}
		foreach ( self::HOOKS as $hook ) {
			add_action( $hook, [ $this, 'add' ] );
		}
		add_action( is_multisite() ? 'wpmu_delete_user' : 'deleted_user', [ $this, 'add_deleted' ] );
		add_action( 'shutdown', [ $this, 'fill' ], 0 );
	}

	/**
	 * @param int|string $user_id The user.
	 */
	public function add( $user_id ): void {
		$this->added += [ (int) $user_id => UserDelivery::PROFILE ];
	}

	/**
	 * @param int|string $user_id The user.
	 */
	public function add_deleted( $user_id ): void {
		$this->added[ (int) $user_id ] = UserDelivery::DELETED;
	}

	/**
	 * Stores the changes of this request, each user once.
	 */
	public function fill(): void {
		foreach ( $this->added as $user_id => $topic ) {
			$this->outbox->add( $topic, (string) $user_id );
		}
		if ( $this->added ) {
			do_action( 'token_bridge_outbox_filled' );
			$this->added = [];
		}
	}
}
