<?php
/**
 * Keeps fragments for a short time.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Widget;

defined( 'ABSPATH' ) || exit;

/**
 * One transient for each person, with their fragments by parameters.
 *
 * A fragment is fresh for 30 seconds, unless an order or a spend of this person passes. It is kept for a day, to be
 * shown with its time while the bridge is away.
 */
final class FragmentCache {

	private const FRESH_SECONDS = 30;
	private const KEPT_SECONDS  = DAY_IN_SECONDS;
	private const MAX_VARIANTS  = 6;
	private const PREFIX        = 'token_bridge_widget_';

	/** @var array<string, array<string, array{0: string, 1: int, 2: string, 3: bool}>> Fragments read in this request. */
	private $read = [];

	/**
	 * Returns the last fragment of a person; null if there is none.
	 */
	public function find( string $person, string $variant ): ?Fragment {
		$stored = $this->load( $person )[ $variant ] ?? null;
		return is_array( $stored ) ? new Fragment( (string) $stored[0], (int) $stored[1], (string) $stored[2] ) : null;
	}

	/**
	 * Returns whether the last fragment may be shown without asking the bridge.
	 */
	public function is_fresh( string $person, string $variant ): bool {
		$stored = $this->load( $person )[ $variant ] ?? null;
		return is_array( $stored ) && ! $stored[3] && time() - (int) $stored[1] < self::FRESH_SECONDS;
	}

	public function keep( string $person, string $variant, Fragment $fragment ): void {
		$kept = array_diff_key( $this->load( $person ), [ $variant => 1 ] );
		$kept = [ $variant => [ $fragment->html, $fragment->at, $fragment->etag, false ] ] + $kept;
		$this->save( $person, array_slice( $kept, 0, self::MAX_VARIANTS, true ) );
	}

	/**
	 * Makes the next page of this person ask the bridge.
	 */
	public function drop( string $person ): void {
		$kept = $this->load( $person );
		foreach ( $kept as $variant => $stored ) {
			$kept[ $variant ][3] = true;
		}
		if ( $kept ) {
			$this->save( $person, $kept );
		}
	}

	/**
	 * Deletes everything kept for a person.
	 */
	public function delete( string $person ): void {
		unset( $this->read[ $person ] );
		delete_transient( self::PREFIX . $person );
	}

	/**
	 * @return array<string, array{0: string, 1: int, 2: string, 3: bool}>
	 */
	private function load( string $person ): array {
		if ( ! isset( $this->read[ $person ] ) ) {
			$stored                = get_transient( self::PREFIX . $person );
			$this->read[ $person ] = is_array( $stored ) ? $stored : [];
		}
		return $this->read[ $person ];
	}

	/**
	 * @param array<string, array{0: string, 1: int, 2: string, 3: bool}> $fragments Fragments by variant.
	 */
	private function save( string $person, array $fragments ): void {
		$this->read[ $person ] = $fragments;
		set_transient( self::PREFIX . $person, $fragments, self::KEPT_SECONDS );
	}
}
