<?php
/**
 * Saves which subsites take part.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Links, unlinks and caps the subsites of one page of the list.
 */
final class SaveSubsites extends PostHandler {

	/** @var Pool */
	private $pool;

	public function __construct( Pool $pool ) {
		$this->pool = $pool;
	}

	public function action(): string {
		return 'subsites';
	}

	protected function capability(): string {
		return NetworkScreen::CAPABILITY;
	}

	protected function handle(): string {
		$ids     = array_slice( wp_parse_id_list( $this->posted( 'ids' ) ), 0, NetworkScreen::PER_PAGE );
		$problem = '';
		foreach ( $ids as $id ) {
			$result = get_site( $id ) ? $this->save( Subsite::read( $id ) ) : true;
			if ( is_wp_error( $result ) ) {
				$problem = get_site( $id )->blogname . ': ' . $result->get_error_message();
				break;
			}
		}
		Notices::add( '' === $problem ? 'success' : 'error', '' === $problem ? __( 'The subsites were saved.', 'token-bridge' ) : $problem );
		return NetworkScreen::url( max( 1, (int) $this->posted( 'paged' ) ) );
	}

	/**
	 * @return true|WP_Error
	 */
	private function save( Subsite $site ) {
		if ( ! $site->can_take_part() ) {
			return true;
		}
		if ( '1' !== $this->posted( 'part_' . $site->id ) ) {
			$this->leave( $site );
			return true;
		}
		$payer = ( new NetworkOption() )->payer();
		if ( $payer < 1 ) {
			return new WP_Error( 'token_bridge_no_payer', __( 'Choose the account that pays first.', 'token-bridge' ) );
		}
		$typed = $this->posted( 'cap_' . $site->id );
		if ( ! Cap::is_valid( $typed ) ) {
			return new WP_Error( 'token_bridge_bad_cap', __( 'The cap is no whole number of tokens.', 'token-bridge' ) );
		}
		return $this->take_part( $site, $payer, $typed );
	}

	/**
	 * @return true|WP_Error
	 */
	private function take_part( Subsite $site, int $payer, string $typed ) {
		if ( $site->connection->payer() !== $payer ) {
			return $this->pool->add( $site->id, $payer, Cap::read( $typed ) );
		}
		// A cap that was not changed makes no request.
		$is_same = trim( $typed ) === $this->posted( 'old_cap_' . $site->id );
		return $is_same ? true : $this->pool->cap( $site, Cap::read( $typed ) );
	}

	private function leave( Subsite $site ): void {
		if ( $site->takes_part() ) {
			$this->pool->remove( $site );
		}
	}
}
