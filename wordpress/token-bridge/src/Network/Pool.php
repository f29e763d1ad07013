<?php
/**
 * The tokens that subsites share.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Activation;
use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Connection\Connection;
use TokenBridge\Connection\Sentences;
use TokenBridge\Services;
use TokenBridge\Users\Profile;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Links subsites to one account of the store of the main site.
 *
 * Each subsite gets an access key of its own, so the bridge keeps its cap and its use apart from the others.
 */
final class Pool {

	/** Linked sites that the bridge returns at a time, and how often it is called for more. */
	private const PAGE      = 200;
	private const MAX_PAGES = 20;

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	/**
	 * Returns whether the main site is a store, so that its users have accounts that can pay.
	 */
	public function is_ready(): bool {
		return Subsites::at_main(
			function (): bool {
				return $this->services->connection()->is_store();
			}
		);
	}

	/**
	 * Makes sure that the bridge has an account for a user.
	 */
	public function introduce( \WP_User $user ): Answer {
		return $this->send( Request::put( '/v1/users/' . $user->ID, array_diff_key( Profile::of( $user ), [ 'id' => 1 ] ) ) );
	}

	/**
	 * Links a subsite to the account of the payer; a subsite that is linked to another account is moved.
	 *
	 * @param int|null $cap Most tokens in a month; null for no cap.
	 * @return true|WP_Error
	 */
	public function add( int $id, int $payer, ?int $cap ) {
		$site = Subsite::read( $id );
		if ( ! $site->can_take_part() ) {
			return new WP_Error( 'token_bridge_own_connection', __( 'This site has a connection of its own. Disconnect it there first.', 'token-bridge' ) );
		}
		if ( $site->takes_part() ) {
			$this->remove( $site );
		}
		$url  = Subsites::at_main( [ $this->services, 'connection' ] )->url();
		$made = Subsites::at(
			$id,
			function () use ( $url, $payer, $cap ) {
				Activation::activate();
				$link = function ( array $about ) use ( $payer, $cap ): Answer {
					return $this->link( $payer, $about + [ 'monthly_cap' => $cap ] );
				};
				return $this->services->connector()->link_by( $link, $url, [ 'payer' => $payer ] );
			}
		);
		return is_wp_error( $made ) ? $made : true;
	}

	/**
	 * Ends the part of a subsite: its key stops working, and what it used stays in the history.
	 */
	public function remove( Subsite $site ): void {
		Subsites::at(
			$site->id,
			function (): void {
				$this->services->setup()->undo();
			}
		);
	}

	/**
	 * Changes the cap of a subsite that takes part.
	 *
	 * @return true|WP_Error
	 */
	public function cap( Subsite $site, ?int $cap ) {
		$answer = $this->send( Request::patch( '/v1/sites/' . rawurlencode( $site->connection->site_id() ), [ 'monthly_cap' => $cap ] ) );
		return $answer->is_ok() ? true : self::error( $answer );
	}

	/**
	 * Returns what the bridge has about the linked sites of an account, by their IDs.
	 *
	 * @return array<string, array<string, mixed>>|WP_Error
	 */
	public function uses( int $payer ) {
		$found = [];
		$query = [ 'limit' => self::PAGE ];
		for ( $page = 0; $page < self::MAX_PAGES; $page++ ) {
			$answer = $this->send( Request::get( "/v1/users/{$payer}/sites", $query ) );
			if ( ! $answer->is_ok() ) {
				return self::error( $answer );
			}
			$found          += array_column( (array) $answer->document()['items'], null, 'id' );
			$query['cursor'] = $answer->field( 'next' );
			if ( '' === $query['cursor'] ) {
				break;
			}
		}
		return $found;
	}

	/**
	 * Links a site, after removing what an earlier attempt left whose answer was lost: its key is lost as well.
	 *
	 * @param array<string, mixed> $about Address, name and cap of the site.
	 */
	private function link( int $payer, array $about ): Answer {
		$known = $this->uses( $payer );
		foreach ( is_wp_error( $known ) ? [] : $known as $id => $site ) {
			if ( $about['url'] === $site['url'] && null === $site['unlinked_at'] ) {
				$this->send( Request::delete( '/v1/sites/' . rawurlencode( (string) $id ) ) );
			}
		}
		return $this->send( Request::post( "/v1/users/{$payer}/sites", $about ) );
	}

	private static function error( Answer $answer ): WP_Error {
		return new WP_Error( 'token_bridge_' . $answer->code(), Sentences::about( $answer ) );
	}

	private function send( Request $request ): Answer {
		return Subsites::at_main(
			function () use ( $request ): Answer {
				return $this->services->transport()->send( $request->patient() );
			}
		);
	}
}
